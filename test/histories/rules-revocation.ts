import type { Finding } from './check.ts'
import { sessionOf } from './facts.ts'
import type { Facts } from './facts.ts'
import { did, isDone } from './history.ts'
import type { Did, Operation } from './history.ts'
import { isCarriedOut } from './rules-refresh.ts'

/** Which nodes must refuse the access tokens of an ended session; no other token may be refused. */
export function* revocationRules(facts: Facts): Generator<Finding> {
  const revokedTokens = facts.operations.filter(did('revoke-token'))
  for (const use of facts.operations.filter(did('use'))) {
    const revocations = revokedTokens.filter(({ call }) => call.access === use.call.access)
    if (isDone(use)) yield* accepted(use, revocations, facts)
    else if (use.outcome?.status === 401) yield* refused(use, revocations, facts)
  }
}

function* accepted(use: Did<'use'>, revocations: readonly Did<'revoke-token'>[], facts: Facts): Generator<Finding> {
  const { node, start } = use
  const sid = sessionOf(use.call.access)
  const endings = facts.sessions.get(sid)?.endings ?? []
  const wrong = (sentence: string, by: Operation): Finding => ({ sentence, operation: use, because: [by] })
  for (const ending of endings) {
    const { by, end, kind } = ending
    if (kind === 'perhaps') continue
    const writtenAt = wasWritten(ending.node, { id: sid, after: ending.start })
    const isLogged = kind === 'done' && !facts.mayBeLost(ending)
    if (end < start && ending.node === node) {
      yield wrong('an access token is accepted by the node where its session ended', by)
    } else if (isLogged && facts.hasRead(node, { after: end, before: start })) {
      yield wrong('an access token is accepted by a node that has read the log since its session ended', by)
    } else if (facts.hasRead(node, { after: writtenAt, before: start })) {
      yield wrong('an access token is accepted by a node that has read the log since its end was written again', by)
    } else if (isCarriedOut(ending, start, facts)) {
      yield wrong('an access token is accepted after recovery, although its session ended before', by)
    }
  }
  for (const by of revocations) {
    const isHere = by.node === node && by.end < start && by.outcome !== null
    const isRead = isDone(by) && !facts.mayBeLost(by) && facts.hasRead(node, { after: by.end, before: start })
    const isMadeUpFor = isCarriedOut({ ...by, kind: 'here' }, start, facts) && by.outcome !== null
    if (isHere || isRead || isMadeUpFor) yield wrong('an access token is accepted although it was revoked', by)
  }

  /** When the node has written what the store could not accept, or had lost. */
  function wasWritten(by: string, { id, after }: { id: string; after: number }): number {
    const all = facts.writtenOf.get(id)?.filter(({ node, start }) => node === by && start > after) ?? []
    return all.find((written) => !facts.mayBeLost(written))?.end ?? Infinity
  }
}

/** Clocks are read in whole seconds, and corrected by what the store's responses reveal. */
const expiryMarginMs = 5000

function* refused(use: Did<'use'>, revocations: readonly Did<'revoke-token'>[], facts: Facts): Generator<Finding> {
  const { outcome, end } = use
  const session = facts.sessions.get(sessionOf(use.call.access))
  const givenBy = facts.givenBy.get(use.call.access)
  const wrong = (sentence: string): Finding => ({ sentence, operation: use })
  if (session === undefined || givenBy === undefined) return
  const isClockUncertain = facts.isClockUncertain(use) || facts.isClockUncertain(givenBy)
  switch (outcome?.code) {
    case 'AUTH_REVOKED_TOKEN':
      if (![...session.endings, ...revocations].some(({ start }) => start <= end)) {
        yield wrong('an access token is refused as revoked, and nobody revoked it')
      }
      return
    case 'AUTH_EXPIRED_TOKEN':
      if (!isClockUncertain && end < givenBy.start + facts.history.policy.lifetimeSeconds * 1000 - expiryMarginMs) {
        yield wrong('an access token is refused as expired before its time')
      }
      return
    case 'AUTH_INVALID_TOKEN':
      if (!isClockUncertain) yield wrong('an access token is refused as invalid')
      return
    default:
      yield wrong(`an access token is refused with ${outcome?.code}`)
  }
}
