import { algorithms } from './algorithms.ts'
import { rowOf, type NamedComparison } from './comparison.ts'
import { names } from './names.ts'
import type { Results } from './results.ts'

const units = {
  times: (value: number) => value.toFixed(2),
  bytes: (value: number) => `${value.toFixed(0)} B`,
  ms: (value: number) => `${value.toFixed(0)} ms`,
  seconds: (value: number) => `${value.toFixed(1)} s`,
  count: (value: number) => value.toFixed(0),
  perSecond: (value: number) => `${value.toFixed(2)}/s`
}

export interface Goal {
  readonly what: string
  /** What the figure is compared with: less is not possible, or not useful. Absent if the figure stands by itself. */
  readonly floor?: string
  readonly limit: number
  /** Unit of `limit` and `value`. */
  readonly unit: keyof typeof units
  readonly value: number
  readonly met: boolean
}

/** The goals of this project. If a goal covers several figures, the worst one counts. */
export function goalsOf(results: Results): Goal[] {
  return [
    ...seenGoals(results),
    ...unseenGoals(results),
    ...refusedGoals(results),
    ...refreshGoals(results),
    ...peerGoals(results),
    ...stormGoals(results),
    ...nodeGoals(results),
    ...pauseGoals(results),
    ...sizeGoals(results),
    ...startGoals(results)
  ]
}

function seenGoals({ protectedRoute: { seen } }: Results): Goal[] {
  return (['header', 'cookie'] as const).map((source) =>
    times(
      {
        what: `Token seen before, ${source}: any algorithm, one token to 10,000`,
        floor: 'the least hook',
        limit: source === 'header' ? 1.03 : 1.05
      },
      seen.filter(({ name }) => name.includes(`, ${source}, `))
    )
  )
}

function unseenGoals({ verification }: Results): Goal[] {
  return algorithms.flatMap((alg) => [
    times({ what: `Token not seen before, ${alg}`, floor: '`jwtVerify()`', limit: 1 }, [
      rowOf(verification, names.againstJwtVerify(alg))
    ]),
    times({ what: `Token not seen before, ${alg}`, floor: '`node:crypto`', limit: alg === 'HS256' ? 3.5 : 1.15 }, [
      rowOf(verification, names.againstCrypto(alg))
    ])
  ])
}

function refusedGoals({ protectedRoute: { refused, refusedBare } }: Results): Goal[] {
  return [
    ...refused.map((row) =>
      times({ what: `Token refused: ${row.name}`, floor: '`@fastify/jwt` refusing it', limit: 0.5 }, [row])
    ),
    ...refusedBare.map((row) =>
      times({ what: `Token refused: ${row.name}`, floor: 'a bare route that throws 401', limit: 1.8 }, [row])
    )
  ]
}

function refreshGoals({ signInAndRefresh, stores: { rotation } }: Results): Goal[] {
  return [
    ...signInAndRefresh.map((row) =>
      times({ what: row.name, floor: "its cryptography and the store's call", limit: 1.5 }, [row])
    ),
    ...rotation
      .filter(({ store }) => store === 'memory')
      .map(({ name, ratio }) => figure({ what: `Rotation, ${name}`, limit: 2.5, unit: 'times' }, ratio.wallMicros))
  ]
}

function peerGoals({ databaseSessions }: Results): Goal[] {
  const pairs = [...new Set(databaseSessions.map(({ request, peer }) => `${request}, ${peer}`))]
  return pairs.map((pair) =>
    times(
      { what: `Session ${pair.split(', ')[0]}, over each database`, floor: `\`${pair.split(', ')[1]}\``, limit: 1 },
      databaseSessions.filter(({ request, peer }) => `${request}, ${peer}` === pair)
    )
  )
}

const stormSeconds = { sqlite: 12, redis: 8, postgres: 12 }

function stormGoals({ storm }: Results): Goal[] {
  return storm.flatMap(({ store, refreshes, concurrency, seconds, unavailable, failed }) => {
    const what = `${refreshes.toLocaleString('en')} refreshes, ${concurrency} at a time, ${store}`
    return [
      figure({ what, limit: stormSeconds[store], unit: 'seconds' }, seconds),
      figure({ what: `${what}: other responses than 200`, limit: 0, unit: 'count' }, unavailable + failed)
    ]
  })
}

function nodeGoals({ manyNodes }: Results): Goal[] {
  if (manyNodes === null) return []
  const { nodes, idleScriptsPerSecond } = manyNodes
  const what = `${nodes} nodes over one Redis: idle scripts per node`
  return [figure({ what, limit: 0.2, unit: 'perSecond' }, idleScriptsPerSecond / nodes)]
}

function pauseGoals({ pauses }: Results): Goal[] {
  return pauses.map(({ what, longestMs }) =>
    figure({ what: `Longest stop: ${what}`, limit: 50, unit: 'ms' }, longestMs)
  )
}

function sizeGoals({ stores: { sessionBytes }, memory }: Results): Goal[] {
  return [
    ...sessionBytes
      .filter(({ store }) => store === 'memory')
      .map(({ bytes, sessions }) =>
        figure({ what: `Session in memory, of ${sessions.toLocaleString('en')}`, limit: 900, unit: 'bytes' }, bytes)
      ),
    figure({ what: 'Token kept in memory', limit: 1000, unit: 'bytes' }, memory.token),
    figure({ what: 'Revocation kept in memory', limit: 93, unit: 'bytes' }, memory.revocation)
  ]
}

function startGoals({ startUp: { importRatio, exampleRatio } }: Results): Goal[] {
  const plugin = { what: 'Import and registration of the plugin', floor: 'the import of Fastify', limit: 0.8 }
  const example = { what: 'Start of the example server', floor: 'a bare Fastify server', limit: 2.5 }
  return [
    figure({ ...plugin, unit: 'times' }, importRatio.median),
    figure({ ...example, unit: 'times' }, exampleRatio.median)
  ]
}

function times(goal: Pick<Goal, 'what' | 'floor' | 'limit'>, rows: readonly NamedComparison[]): Goal {
  return figure({ ...goal, unit: 'times' }, Math.max(...rows.map(({ ratio }) => ratio.cpuMicros)))
}

function figure(goal: Omit<Goal, 'value' | 'met'>, value: number): Goal {
  return { ...goal, value, met: value <= goal.limit }
}

/** `met`, or by how much the goal was missed. */
export function outcomeOf({ limit, value, met }: Goal): string {
  if (limit === 0 && !met) return 'MISSED'
  const percent = (value / limit - 1) * 100
  return met ? 'met' : `MISSED by ${percent.toFixed(percent < 1 ? 1 : 0)} %`
}

export function format(value: number, unit: Goal['unit']): string {
  return units[unit](value)
}
