import { payloadOf } from '../fixtures/history-node.ts'
import { endingsOf } from './endings.ts'
import type { Ending } from './endings.ts'
import { did, isDone } from './history.ts'
import type { Call, Did, Fault, History, Operation } from './history.ts'
import { createRotations } from './rotations.ts'
import type { Rotations } from './rotations.ts'

/** All that is known of a session. */
export interface SessionFacts {
  readonly id: string
  readonly sub: string
  readonly signIn: Did<'sign-in'>
  /** With tokens that a node has given out, in the order of their start. */
  readonly refreshes: readonly Did<'refresh'>[]
  readonly endings: readonly Ending[]
  readonly rotations: Rotations
}

export type Facts = ReturnType<typeof gatherFacts>

const sessionOfRefresh = (token: string) => token.split('.')[1]!
export const sessionOf = (token: string) => (token.startsWith('rt1.') ? sessionOfRefresh(token) : payloadOf(token).sid)

/** What can be said of a whole history, before anything in it is judged. */
export function gatherFacts(history: History) {
  const { losses, faults, policy } = history
  const operations = [...history.operations].sort((a, b) => a.start - b.start)
  /** By which operation each token was given out first. */
  const givenBy = new Map<string, Operation>()
  for (const operation of operations) {
    for (const token of [operation.outcome?.access, operation.outcome?.refresh]) {
      if (token !== null && token !== undefined && !givenBy.has(token)) givenBy.set(token, operation)
    }
  }
  const readings = groupBy(
    [...history.readings].sort((a, b) => a.start - b.start),
    ({ node }) => node
  )
  const writtenIds = history.written.flatMap((written) => written.ids.map((id) => ({ ...written, id })))
  const writtenOf = groupBy(writtenIds, ({ id }) => id)
  const clockFaults = faults.filter(({ kind }) => kind === 'clock set')

  /** The node has read the log to its end, beginning and ending between the two moments. */
  function hasRead(node: string, { after, before }: { after: number; before: number }): boolean {
    const next = firstAfter(readings.get(node) ?? [], after)
    return next !== undefined && next.end < before
  }

  /** The node has not yet learned from the store how wrong its own clock is. */
  function isClockUncertain({ node, start, end }: Operation): boolean {
    const set = clockFaults.filter((fault) => fault.start <= end && touches(fault, node)).map((fault) => fault.end)
    return !hasRead(node, { after: Math.max(-Infinity, ...set), before: start })
  }

  const allOverAt = Math.max(0, ...faults.filter(({ kind }) => kind !== 'busy machine').map(({ end }) => end))
  /** This life of a node has seen the end of all faults. */
  const livesOn = (node: string): boolean => (readings.get(node)?.at(-1)?.start ?? 0) > allOverAt

  /** It may have been written to a database that is not in use any more, and nowhere else. */
  const mayBeLost = ({ start, end }: { start: number; end: number }): boolean =>
    losses.some((loss) => start <= loss.end && end >= loss.start)

  const withGivenTokens = operations.filter(did('refresh')).filter(({ call }) => givenBy.has(call.token))
  const refreshesOf = groupBy(withGivenTokens, ({ call }) => sessionOf(call.token))
  const signIns = operations.filter(did('sign-in'))
  const bySubject = groupBy(operations, ({ call }) => ('sub' in call ? call.sub : undefined))
  const byNamed = groupBy(operations, ({ call }) => namedIn(call, givenBy))

  const sessions = new Map(
    signIns.filter(isDone).map((signIn): [string, SessionFacts] => {
      const id = sessionOf(signIn.outcome.refresh!)
      const { sub } = signIn.call
      const refreshes = refreshesOf.get(id) ?? []
      const rotations = createRotations({ signIn, refreshes, policy, mayBeLost })
      const about = new Set([...(bySubject.get(sub) ?? []), ...(byNamed.get(id) ?? []), ...refreshes])
      const { maxSessions } = policy
      const operations = [...about]
      const endings = endingsOf({ id, sub, signIn, rotations, operations, maxSessions, isClockUncertain, mayBeLost })
      return [id, { id, sub, signIn, refreshes, endings, rotations }]
    })
  )

  return {
    history,
    operations,
    sessions,
    givenBy,
    bySubject,
    readings,
    writtenOf,
    hasRead,
    isClockUncertain,
    mayBeLost,
    livesOn
  }
}

/** The session that a call names by a token that a node has given out, or by its id. */
function namedIn(call: Call, givenBy: ReadonlyMap<string, unknown>): string | null {
  switch (call.do) {
    case 'revoke':
      return call.sessionId
    case 'sign-out':
      return givenBy.has(call.token) ? sessionOf(call.token) : null
    case 'sign-in':
      return call.cookies === undefined ? null : sessionOf(call.cookies.refresh)
    default:
      return null
  }
}

export function touches({ nodes }: Fault, node: string): boolean {
  return nodes === 'all' || nodes.includes(node)
}

/** By halving: the first that started after a moment. One node reads once at a time, so it is the first to end, too. */
export function firstAfter<T extends { readonly start: number }>(sorted: readonly T[], moment: number): T | undefined {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]!.start <= moment) low = middle + 1
    else high = middle
  }
  return sorted[low]
}

/** As `Map.groupBy()`, which Node 20 does not have. */
function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
