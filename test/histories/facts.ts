import { payloadOf } from '../fixtures/history-node.ts'
import { endingsOf } from './endings.ts'
import type { Ending } from './endings.ts'
import { did, isDone } from './history.ts'
import type { Call, Did, Fault, History, Operation } from './history.ts'
import { createRotations } from './rotations.ts'
import type { Rotations } from './rotations.ts'

/** Everything known about a session. */
export interface SessionFacts {
  readonly id: string
  readonly sub: string
  readonly signIn: Did<'sign-in'>
  /** Operations with tokens that a node has issued, in the order of their start. */
  readonly refreshes: readonly Did<'refresh'>[]
  readonly endings: readonly Ending[]
  readonly rotations: Rotations
}

export type Facts = ReturnType<typeof gatherFacts>

const sessionOfRefresh = (token: string) => token.split('.')[1]!
export const sessionOf = (token: string) => (token.startsWith('rt1.') ? sessionOfRefresh(token) : payloadOf(token).sid)

/** Facts about a whole history, gathered before the rules are applied. */
export function gatherFacts(history: History) {
  const { losses, faults, policy } = history
  const operations = [...history.operations].sort((a, b) => a.start - b.start)
  /** The operation that first returned each token. */
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

  /** Whether the node has read the log to its end, from start to finish between the two moments. */
  function hasRead(node: string, { after, before }: { after: number; before: number }): boolean {
    const next = firstAfter(readings.get(node) ?? [], after)
    return next !== undefined && next.end < before
  }

  /** Whether the node has not yet learned the offset of its clock from the store. */
  function isClockUncertain({ node, start, end }: Operation): boolean {
    const set = clockFaults.filter((fault) => fault.start <= end && touches(fault, node)).map((fault) => fault.end)
    return !hasRead(node, { after: Math.max(-Infinity, ...set), before: start })
  }

  const allOverAt = Math.max(0, ...faults.filter(({ kind }) => kind !== 'busy machine').map(({ end }) => end))
  /** Whether this life of a node lasted until all faults were over. */
  const livesOn = (node: string): boolean => (readings.get(node)?.at(-1)?.start ?? 0) > allOverAt

  /** Whether it may have been written only to a database that is no longer used. */
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

/** The session that a call names, by a token that a node has issued or by its id. */
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

/** Binary search: the first that started after a moment. A node has one reading at a time, so it ends first too. */
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
