import { briefIdleMs } from '../fixtures/race-worker.ts'
import type { Answer, Call } from '../fixtures/race-worker.ts'
import type { Step } from './nodes.ts'
import type { Random } from './random.ts'

/** One session, and what is done to it at the same time. */
export interface Race {
  readonly kind: Kind
  readonly sub: string
  /** What sign-in answered. */
  readonly session: Answer
}

interface Setting {
  readonly race: Race
  readonly random: Random
  readonly nodes: number
  /** When all calls begin, more or less. */
  readonly at: number
}

interface KindOfRace {
  /** Of 100 races, how many are of this kind. */
  readonly share: number
  /** By the plugin whose sessions live for a moment only. */
  readonly brief: boolean
  /** How many of these calls belong to one race. */
  readonly calls: number
  readonly steps: (setting: Setting) => Step[]
  /** What must have become of the session. */
  readonly ends: 'alive' | 'ended' | 'either'
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

/** Calls that begin within some milliseconds of one another, on processes one after the other from a random one on. */
function spread (calls: readonly Call[], { random, nodes, at }: Setting, { withinMs }: { withinMs: number }): Step[] {
  const first = random.below(nodes)
  return random.shuffle(calls).map((call, index) => ({ node: (first + index) % nodes, call: { ...call, at: at + random.between(0, withinMs) } }))
}

const refreshes = (count: number, { session }: Race): Call[] => times(count, () => ({ do: 'refresh', token: session.refresh! }))

const parallelRefreshes = (count: number, share: number): KindOfRace => ({
  share,
  brief: false,
  calls: count,
  ends: 'alive',
  steps: (setting) => spread(refreshes(count, setting.race), setting, { withinMs: 0 })
})

export const kinds = {
  'refresh x 2': parallelRefreshes(2, 30),
  'refresh x 20': parallelRefreshes(20, 8),
  'refresh x 100': parallelRefreshes(100, 2),
  'refresh || sign-out': {
    share: 18,
    brief: false,
    calls: 7,
    ends: 'ended',
    steps: (setting) => {
      const { refresh, access } = setting.race.session
      return spread([...refreshes(6, setting.race), { do: 'sign-out', token: refresh!, access: access! }], setting, { withinMs: 20 })
    }
  },
  'refresh || revokeAll': {
    share: 18,
    brief: false,
    calls: 7,
    ends: 'ended',
    steps: (setting) => spread([
      ...refreshes(6, setting.race),
      { do: 'revoke-all', sub: setting.race.sub, access: setting.race.session.access! }
    ], setting, { withinMs: 20 })
  },
  'sign-in || revokeAll': {
    share: 16,
    brief: false,
    calls: 5,
    ends: 'ended',
    steps: (setting) => {
      const { sub, session } = setting.race
      // The password was read before all sessions are ended, whenever the login comes to its end.
      const authenticatedAt = Date.now() - 10
      return spread([
        ...times(4, (): Call => ({ do: 'sign-in', sub, authenticatedAt })),
        { do: 'revoke-all', sub, access: session.access! }
      ], setting, { withinMs: 20 })
    }
  },
  'refresh || sweep': {
    share: 8,
    brief: true,
    calls: 6,
    ends: 'either',
    steps: (setting) => {
      const expiry = setting.race.session.endedAt + briefIdleMs - 5
      return spread([...refreshes(4, setting.race), ...times(2, (): Call => ({ do: 'sweep' }))], { ...setting, at: expiry }, { withinMs: 12 })
        .map(({ node, call }) => ({ node, call: { ...call, brief: true } }))
    }
  }
} as const satisfies Record<string, KindOfRace>

export type Kind = keyof typeof kinds
export const kindOf = (kind: Kind): KindOfRace => kinds[kind]
