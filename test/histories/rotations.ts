import { isDone, isUncertain } from './history.ts'
import type { Did, Policy } from './history.ts'

export type Rotations = ReturnType<typeof createRotations>

export const generationIn = (token: string) => Number(token.split('.')[2])

/** The store counts in milliseconds. */
export const slackMs = 20

/**
 * What the operations of one session reveal about its generation: at each moment one that it has certainly reached, one
 it cannot have passed, and the earliest and latest time of each rotation.
 */
export function createRotations({
  signIn,
  refreshes,
  policy,
  mayBeLost
}: {
  signIn: Did<'sign-in'>
  refreshes: readonly Did<'refresh'>[]
  policy: Policy
  mayBeLost: (span: { start: number; end: number }) => boolean
}) {
  const retryMs = policy.retrySeconds * 1000
  const idleMs = policy.idleSeconds * 1000
  const presented = refreshes.map((refresh) => ({ ...refresh, from: generationIn(refresh.call.token) }))
  const given = presented.filter(isDone).map((refresh) => ({ ...refresh, to: generationIn(refresh.outcome.refresh!) }))
  const uncertain = presented.filter(isUncertain)
  const known = given.filter((refresh) => !mayBeLost(refresh))

  /** Certainly reached before the moment. */
  const reachedBy = (moment: number): number =>
    Math.max(0, ...known.filter(({ end }) => end < moment).map(({ to }) => to))

  /** Certainly not passed by the moment. A call without a response may have taken effect. */
  const limitAt = (moment: number): number =>
    Math.max(
      0,
      ...given.filter(({ start }) => start <= moment).map(({ to }) => to),
      ...uncertain.filter(({ start }) => start <= moment).map(({ from }) => from + 1)
    )

  const earliest = (generation: number): number =>
    generation === 0
      ? signIn.start
      : Math.min(
          ...[...given.filter(({ to }) => to === generation), ...uncertain]
            .filter(({ from }) => from === generation - 1)
            .map(({ start }) => start)
        )

  const latest = (generation: number): number =>
    generation === 0 ? signIn.end : Math.min(...given.filter(({ to }) => to >= generation).map(({ end }) => end))

  /** Between the two moments, the generation may have changed. */
  const mayRotateBetween = (from: number, to: number): boolean =>
    given.some((refresh) => refresh.to === refresh.from + 1 && refresh.end > from && refresh.start <= to) ||
    uncertain.some(({ start }) => start <= to)

  return {
    given,
    reachedBy,
    limitAt,
    earliest,
    latest,
    mayRotateBetween,

    /** The token that is presented may be an old one. */
    isPast: ({ call, end }: Pick<Did<'refresh'>, 'call' | 'end'>): boolean => generationIn(call.token) < limitAt(end),

    /** The largest number of late retries that can have been counted by the moment. */
    mostRetriesAt: (moment: number): number =>
      given.filter(({ from, to, start }) => to === from + 1 && start <= moment).length +
      uncertain.filter(({ start }) => start <= moment).length,

    /** Late retries that must have been counted: a token that was replaced `retrySeconds` ago got its successor. */
    fewestRetries(): number {
      let count = 0
      let last = -Infinity
      for (const { from, to, start, end } of given) {
        const isLate = to === from + 1 && latest(to) + retryMs + slackMs <= start
        if (!isLate || start < last + retryMs + slackMs) continue
        count++
        last = end
      }
      return count
    },

    /** Whether `idleSeconds` may, or must, have passed without a rotation or a counted retry. */
    mayHaveExpired: (start: number, end: number): boolean => end >= earliest(reachedBy(start)) + idleMs - slackMs,
    mustHaveExpired(moment: number): boolean {
      const lastUse = Math.max(signIn.end, ...given.filter(({ start }) => start < moment).map(({ end }) => end))
      return !uncertain.some(({ start }) => start < moment) && moment >= lastUse + idleMs + slackMs
    }
  }
}
