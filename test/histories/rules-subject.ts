import type { Finding } from './check.ts'
import type { Facts } from './facts.ts'
import { did, isDone, isUncertain } from './history.ts'
import type { Did, Operation, Outcome } from './history.ts'

const roundingMs = 20

/** Ending all sessions of a subject includes those that are being started; `list()` shows the live ones. */
export function* subjectRules(facts: Facts): Generator<Finding> {
  for (const operation of facts.operations) {
    if (did('sign-in')(operation)) yield* signedIn(operation, facts)
    if (did('list')(operation) && isDone(operation)) yield* listed(operation, facts)
    if (did('revoke')(operation) && isDone(operation)) yield* revoked(operation, facts)
  }
}

function* signedIn(signIn: Did<'sign-in'>, { bySubject, mayBeLost, history: { faults } }: Facts): Generator<Finding> {
  const { sub, readAt } = signIn.call
  const all = (bySubject.get(sub) ?? []).filter(
    ({ call }) => call.do === 'revoke-all' || (call.do === 'sign-in' && call.revokeOthers)
  )
  if (isDone(signIn) && readAt !== undefined) {
    const clockFaults = faults.filter(({ kind }) => kind === 'clock set')
    const isClockSet = clockFaults.some(({ start, end }) => start <= signIn.end && end >= readAt)
    const done = all.filter((other) => isDone(other) && !mayBeLost(other))
    const before = done.find(({ start, end }) => start > readAt + roundingMs && end < signIn.start)
    if (before !== undefined && !isClockSet) {
      const sentence = 'a sign-in succeeds whose password was read before all sessions were ended'
      yield { sentence, operation: signIn, because: [before] }
    }
  }
  if (signIn.outcome?.status === 401) {
    const mayBeSince =
      readAt !== undefined &&
      all.some(
        (other) =>
          other.start <= signIn.end && (isUncertain(other) || (isDone(other) && other.end >= readAt - roundingMs))
      )
    if (signIn.outcome.code !== 'AUTH_REVOKED_TOKEN' || !mayBeSince) {
      yield { sentence: 'a sign-in is refused without cause', operation: signIn }
    }
  }
}

type Responded<Name extends 'list' | 'revoke'> = Did<Name> & { readonly outcome: Outcome }

function* listed(list: Responded<'list'>, { sessions, bySubject, mayBeLost, history }: Facts): Generator<Finding> {
  const shown = new Set(list.outcome.sessions)
  const wrong = (sentence: string, because: Operation[]): Finding => ({ sentence, operation: list, because })
  if (shown.size > history.policy.maxSessions) yield wrong('more sessions are alive than maxSessions', [])
  for (const id of shown) {
    const session = sessions.get(id)
    if (session !== undefined && session.sub !== list.call.sub) {
      yield wrong('a session is listed for another subject', [session.signIn])
    }
  }
  for (const signIn of (bySubject.get(list.call.sub) ?? []).filter(did('sign-in')).filter(isDone)) {
    const { id, endings, rotations } = sessions.get(signIn.outcome.refresh!.split('.')[1]!)!
    const ended = endings.find((ending) => ending.kind === 'done' && ending.end < list.start && !mayBeLost(ending))
    const mayHaveExpired = rotations.mayHaveExpired(list.start, list.end)
    const mayHaveEnded = endings.some(({ start }) => start <= list.end) || mayHaveExpired || mayBeLost(signIn)
    const isAlive = signIn.end < list.start && !mayHaveEnded
    if (shown.has(id) && ended !== undefined) yield wrong('a session is listed after it ended', [ended.by])
    if (!shown.has(id) && isAlive) yield wrong('a live session is not listed', [signIn])
  }
}

function* revoked(revoke: Responded<'revoke'>, { sessions, mayBeLost }: Facts): Generator<Finding> {
  const { sessionId, sub } = revoke.call
  const session = sessions.get(sessionId)
  if (session === undefined) return
  const isOwn = sub === undefined || sub === session.sub
  if (revoke.outcome.found && !isOwn) yield { sentence: 'a session of another subject is revoked', operation: revoke }
  const mayBeGone = mayBeLost(session.signIn) || session.rotations.mayHaveExpired(revoke.start, revoke.end)
  const mustExist = isOwn && session.signIn.end < revoke.start && !mayBeGone
  if (!revoke.outcome.found && mustExist) yield { sentence: 'revoke() does not find a session', operation: revoke }
}
