import { algorithms } from './algorithms.ts'
import type { NamedComparison } from './comparison.ts'
import { names } from './names.ts'
import type { Results } from './results.ts'

const units = {
  times: (value: number) => value.toFixed(2),
  bytes: (value: number) => `${value.toFixed(0)} B`
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
    ...storeGoals(results),
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

function storeGoals({ signInAndRefresh, stores: { rotation, sessionBytes }, memory }: Results): Goal[] {
  const inMemory = <T extends { store: string }>(rows: readonly T[]) => rows.filter(({ store }) => store === 'memory')
  return [
    ...signInAndRefresh.map((row) =>
      times({ what: row.name, floor: "the store's call and one signature", limit: 1.5 }, [row])
    ),
    ...inMemory(rotation).map((row) =>
      times({ what: `Rotation with ${row.name}`, floor: 'few sessions', limit: 2.5 }, [row])
    ),
    ...inMemory(sessionBytes).map(({ bytes: value, sessions }) =>
      bytes({ what: `Session in memory, of ${sessions.toLocaleString('en')}`, limit: 900 }, value)
    ),
    bytes({ what: 'Token kept in memory', limit: 1000 }, memory.token),
    bytes({ what: 'Revocation kept in memory', limit: 93 }, memory.revocation)
  ]
}

function startGoals({ startUp: { importRatio, exampleRatio } }: Results): Goal[] {
  const rows = [
    {
      what: 'Import and registration of the plugin',
      floor: 'the import of Fastify',
      limit: 0.8,
      value: importRatio.median
    },
    { what: 'Start of the example server', floor: 'a bare Fastify server', limit: 2.5, value: exampleRatio.median }
  ]
  return rows.map((row) => evaluate({ ...row, unit: 'times' }))
}

function rowOf(rows: readonly NamedComparison[], name: string): NamedComparison {
  const row = rows.find((other) => other.name === name)
  if (row === undefined) throw new Error(`no figure is named "${name}"`)
  return row
}

function times(goal: Pick<Goal, 'what' | 'floor' | 'limit'>, rows: readonly NamedComparison[]): Goal {
  return evaluate({ ...goal, unit: 'times', value: Math.max(...rows.map(({ ratio }) => ratio.cpuMicros)) })
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
  return units[unit](value)
}
