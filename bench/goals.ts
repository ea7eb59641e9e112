import { algorithms } from './algorithms.ts'
import type { NamedComparison } from './comparison.ts'
import { names } from './names.ts'
import type { Results } from './results.ts'

export interface Goal {
  readonly what: string
  readonly limit: number
  /** Unit of `limit` and `value`. */
  readonly unit: 'times' | 'bytes'
  readonly value: number
  readonly met: boolean
}

/** The goals of this project. If a goal covers several figures, the worst one counts. */
export function goalsOf(results: Pick<Results, 'protectedRoute' | 'verification' | 'stores' | 'memory'>): Goal[] {
  const {
    protectedRoute: { plugin, direct, refused, revocations },
    verification,
    stores,
    memory
  } = results
  const cpuOf = (rows: readonly NamedComparison[], rowNames: readonly string[]) =>
    rowNames.map((name) => rowOf(rows, name).ratio.cpuMicros)
  const bothSources = (peer: string) =>
    (['header', 'cookie'] as const).map((source) => names.routeAgainst(peer, source))
  const seen = (['header', 'cookie'] as const).map((source) =>
    times(
      { what: `Token seen before in the ${source}, any algorithm, against the bare route`, limit: 1.1 },
      cpuOf(
        plugin,
        algorithms.map((alg) => names.routeSeen(alg, source))
      )
    )
  )
  const unseen = algorithms.map((alg) =>
    times(
      {
        what: `Token not seen before, ${alg}: authenticate() against fast-jwt`,
        limit: alg === 'HS256' ? 1.4 : 1.08
      },
      cpuOf(verification, [names.unseenAgainstFastJwt(alg)])
    )
  )
  const refreshed = stores.refresh.map(({ store, ratio }) =>
    times({ what: `Refresh with ${store}, against its compare-and-set and one signature (time)`, limit: 1.5 }, [
      ratio.wallMicros
    ])
  )
  const rotated = stores.rotation.map(({ name, ratio }) =>
    times({ what: `Rotation with ${name} (p50)`, limit: 1.5 }, [ratio.wallMicros])
  )
  const sessions = stores.sessionBytes.flatMap(({ store, bytes: value }) => {
    const limit = (sessionLimits as Partial<Record<typeof store, number>>)[store]
    return limit === undefined ? [] : [bytes({ what: `Session in ${store}, with its indexes`, limit }, value)]
  })
  const most = revocations.at(-1)!

  return [
    ...seen,
    times(
      { what: 'HS256 token seen before, header or cookie, against @fastify/jwt with cache', limit: 0.45 },
      cpuOf(direct, bothSources('@fastify/jwt, with cache'))
    ),
    times(
      { what: 'HS256 token seen before, header or cookie, against @fastify/jwt', limit: 0.36 },
      cpuOf(direct, bothSources('@fastify/jwt'))
    ),
    ...unseen,
    ...refused.map(({ name, ratio }) =>
      times({ what: `Token refused (${name}), against a bare route that throws 401`, limit: 1.5 }, [ratio.cpuMicros])
    ),
    times({ what: `${most.name} against none`, limit: 1.03 }, [most.ratio.cpuMicros]),
    ...refreshed,
    ...rotated,
    bytes({ what: 'Token kept in memory', limit: 1536 }, memory.token),
    bytes({ what: 'Revocation kept in memory', limit: 200 }, memory.revocation),
    ...sessions
  ]
}

const sessionLimits = { redis: 512, postgres: 400 }

function rowOf(rows: readonly NamedComparison[], name: string): NamedComparison {
  const row = rows.find((other) => other.name === name)
  if (row === undefined) throw new Error(`no figure is named "${name}"`)
  return row
}

function times(goal: Pick<Goal, 'what' | 'limit'>, values: readonly number[]): Goal {
  return evaluate({ ...goal, unit: 'times', value: Math.max(...values) })
}

function bytes(goal: Pick<Goal, 'what' | 'limit'>, value: number): Goal {
  return evaluate({ ...goal, unit: 'bytes', value })
}

function evaluate(goal: Omit<Goal, 'met'>): Goal {
  return { ...goal, met: goal.value <= goal.limit }
}

/** `met`, or by how much the goal was missed. */
export function outcomeOf({ limit, value, met }: Goal): string {
  const percent = (value / limit - 1) * 100
  return met ? 'met' : `MISSED by ${percent.toFixed(percent < 1 ? 1 : 0)} %`
}

export function format(value: number, unit: Goal['unit']): string {
  return unit === 'bytes' ? `${value.toFixed(0)} B` : value.toFixed(2)
}
