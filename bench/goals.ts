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
  const cpuOf = (rows: readonly NamedComparison[], ...rowNames: string[]) =>
    rowNames.map((name) => rowOf(rows, name).ratio.cpuMicros)
  const refreshed = stores.refresh.map(({ store, ratio }) =>
    times(`Refresh with ${store}, against its compare-and-set and one signature (time)`, 1.5, ratio.wallMicros)
  )
  const rotated = stores.rotation.map(({ name, ratio }) => times(`Rotation with ${name} (p50)`, 1.5, ratio.wallMicros))
  const sessions = stores.sessionBytes
    .filter(({ store }) => store in sessionLimits)
    .map(({ store, bytes: value }) =>
      bytes(`Session in ${store}, with its indexes`, sessionLimits[store as keyof typeof sessionLimits], value)
    )
  const many = revocations.at(-1)!

  return [
    times(
      'Token seen before in the header, any algorithm, against the bare route',
      1.1,
      ...cpuOf(plugin, ...algorithms.map((alg) => names.routeSeen(alg, 'header')))
    ),
    times(
      'Token seen before in the cookie, any algorithm, against the bare route',
      1.1,
      ...cpuOf(plugin, ...algorithms.map((alg) => names.routeSeen(alg, 'cookie')))
    ),
    times(
      'HS256 token seen before, header or cookie, against @fastify/jwt with cache',
      0.45,
      ...cpuOf(direct, ...bothSources('@fastify/jwt, with cache'))
    ),
    times(
      'HS256 token seen before, header or cookie, against @fastify/jwt',
      0.36,
      ...cpuOf(direct, ...bothSources('@fastify/jwt'))
    ),
    ...algorithms.map((alg) =>
      times(
        `Token not seen before, ${alg}: authenticate() against fast-jwt`,
        alg === 'HS256' ? 1.4 : 1.08,
        ...cpuOf(verification, names.unseenAgainstFastJwt(alg))
      )
    ),
    ...refused.map(({ name, ratio }) =>
      times(`Token refused (${name}), against a bare route that throws 401`, 1.5, ratio.cpuMicros)
    ),
    times(`${many.name} against none`, 1.03, many.ratio.cpuMicros),
    ...refreshed,
    ...rotated,
    bytes('Token kept in memory', 1536, memory.token),
    bytes('Revocation kept in memory', 200, memory.revocation),
    ...sessions
  ]
}

const sessionLimits = { redis: 512, postgres: 400 }

function bothSources(peer: '@fastify/jwt' | '@fastify/jwt, with cache'): string[] {
  return [names.routeAgainst(peer, 'header'), names.routeAgainst(peer, 'cookie')]
}

function rowOf(rows: readonly NamedComparison[], name: string): NamedComparison {
  const row = rows.find((other) => other.name === name)
  if (row === undefined) throw new Error(`no figure is named "${name}"`)
  return row
}

function times(what: string, limit: number, ...values: number[]): Goal {
  return evaluate({ what, limit, unit: 'times', value: Math.max(...values) })
}

function bytes(what: string, limit: number, value: number): Goal {
  return evaluate({ what, limit, unit: 'bytes', value })
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
