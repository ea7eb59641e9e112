import type { Finding } from './check.ts'
import type { Ending } from './endings.ts'
import { sessionOf } from './facts.ts'
import type { Facts, SessionFacts } from './facts.ts'
import { did, isDone, isUncertain } from './history.ts'
import type { Did, Outcome } from './history.ts'
import { generationIn, slackMs } from './rotations.ts'

/** Which tokens a refresh may return, and when it may be refused. */
export function* refreshRules(facts: Facts): Generator<Finding> {
  yield* oneTokenForEach(facts)
  for (const session of facts.sessions.values()) {
    const isShaken = facts.mayBeLost(session.signIn) || session.refreshes.some(facts.mayBeLost)
    for (const refresh of session.refreshes) {
      if (isDone(refresh)) yield* exchanged(refresh, session, { facts, isShaken })
      else if (refresh.outcome?.status === 401) yield* refused(refresh, session, facts)
    }
    if (!isShaken) yield* inTime(session, facts)
  }
  for (const refresh of facts.operations.filter(did('refresh'))) {
    if (facts.givenBy.has(refresh.call.token)) continue
    if (refresh.outcome?.code !== 'AUTH_REFRESH_INVALID' && !isUncertain(refresh)) {
      yield { sentence: 'a forged refresh token is not refused', operation: refresh }
    }
  }
}

function* oneTokenForEach({ operations }: Facts): Generator<Finding> {
  const tokens = new Map<string, { token: string; operation: (typeof operations)[number] }>()
  for (const operation of operations) {
    const token = operation.outcome?.refresh
    if (!token) continue
    const generation = token.split('.').slice(0, 3).join('.')
    const known = tokens.get(generation)
    if (known === undefined) tokens.set(generation, { token, operation })
    else if (known.token !== token) {
      yield { sentence: 'one generation has two refresh tokens', operation, because: [known.operation] }
    }
  }
}

type Exchanged = Did<'refresh'> & { readonly outcome: Outcome }

function* exchanged(
  operation: Exchanged,
  { id, rotations, endings }: SessionFacts,
  {
    facts,
    isShaken
  }: {
    facts: Facts
    isShaken: boolean
  }
): Generator<Finding> {
  const { call, outcome, start, node } = operation
  const { retrySeconds } = facts.history.policy
  const [from, to] = [generationIn(call.token), generationIn(outcome.refresh!)]
  const reached = rotations.reachedBy(start)
  const wrong = (sentence: string): Finding => ({ sentence, operation })
  if (sessionOf(outcome.refresh!) !== id || sessionOf(outcome.access!) !== id) {
    yield wrong('a refresh returns tokens of another session')
  }
  if (to !== from && to !== from + 1) yield wrong('a refresh returns neither the same token nor its successor')
  if (reached >= from + 2) yield wrong('a token that is two or more generations old yields tokens')
  if (to === from && reached > from) yield wrong('a token that was exchanged before is returned')
  if (to === from && !isShaken && start >= rotations.latest(from) + retrySeconds * 1000 + slackMs) {
    yield wrong('a token is not exchanged although retrySeconds have passed')
  }
  if (rotations.mustHaveExpired(start)) yield wrong('a token of an expired session yields tokens')
  for (const ending of endings) {
    const isHere = ending.kind !== 'perhaps' && ending.node === node
    const isEverywhere = ending.kind === 'done' && !facts.mayBeLost(ending)
    if ((isHere || isEverywhere) && ending.end < start) {
      yield { ...wrong('a refresh token is exchanged after its session ended'), because: [ending.by] }
    } else if (isCarriedOut(ending, start, facts)) {
      const sentence = 'a refresh token is exchanged after recovery, although its session ended before'
      yield { ...wrong(sentence), because: [ending.by] }
    }
  }
}

/** A node that survives writes again what the store has lost or could not accept. */
export function isCarriedOut(ending: Pick<Ending, 'kind' | 'node' | 'end'>, moment: number, facts: Facts): boolean {
  const { kind, node, end } = ending
  const {
    history: { recoveredAt },
    livesOn
  } = facts
  return recoveredAt !== null && moment > recoveredAt && end < recoveredAt && kind !== 'perhaps' && livesOn(node)
}

function* refused(operation: Did<'refresh'>, session: SessionFacts, facts: Facts): Generator<Finding> {
  const { outcome, start, end, call } = operation
  const { rotations, endings } = session
  const { retrySeconds, lateRetries } = facts.history.policy
  const retryMs = retrySeconds * 1000
  const from = generationIn(call.token)
  const limit = rotations.limitAt(end)
  const lowest = Math.max(from + 2, rotations.reachedBy(start))
  const wrong = (sentence: string): Finding => ({ sentence, operation })
  const mustClear = call.by === 'cookie' && outcome?.code !== 'AUTH_REFRESH_SUPERSEDED'
  const mayStay = mustClear && endings.some((ending) => isReplacement(ending, { operation, session, retryMs }))
  if (outcome?.cleared !== mustClear && !mayStay) {
    yield wrong(mustClear ? 'a cookie that is of no use stays' : 'a cookie that may work is taken away')
  }
  switch (outcome?.code) {
    case 'AUTH_REFRESH_INVALID': {
      const mayHaveEnded = endings.some((ending) => ending.start <= end) || rotations.mayHaveExpired(start, end)
      if (!mayHaveEnded && !facts.mayBeLost(session.signIn)) yield wrong('a session has ended that nobody ended')
      return
    }
    case 'AUTH_REFRESH_REUSED': {
      const isOld = limit >= from + 2 && end >= rotations.earliest(lowest) + retryMs - slackMs
      const isRetriedOut =
        limit >= from + 1 &&
        rotations.mostRetriesAt(end) >= lateRetries &&
        end >= rotations.earliest(from + 1) + retryMs - slackMs
      if (!isOld && !isRetriedOut) yield wrong('a refresh is refused as reuse, and nobody has used the token before')
      return
    }
    case 'AUTH_REFRESH_SUPERSEDED': {
      if (limit < from + 2) yield wrong('a refresh token is refused as superseded, and it was not')
      else if (!facts.history.losses.length && !rotations.mayRotateBetween(start - retryMs - slackMs, end)) {
        yield wrong('an old token does not end the session, although retrySeconds have passed')
      }
      return
    }
    default:
      yield wrong(`a refresh is refused with ${outcome?.code}`)
  }
}

/** Rotations are not too early, and late retries are not too many. */
function* inTime({ rotations, refreshes }: SessionFacts, { history: { policy } }: Facts): Generator<Finding> {
  for (const { from, to, ...operation } of rotations.given) {
    const isRotation = to === from + 1 && operation.end === rotations.latest(to)
    const isTooEarly = isRotation && operation.end + slackMs < rotations.earliest(from) + policy.retrySeconds * 1000
    if (isTooEarly) {
      const shown = refreshes.find(({ id }) => id === operation.id)
      yield { sentence: 'a token is exchanged before retrySeconds have passed', operation: shown }
    }
  }
  const retries = rotations.fewestRetries()
  if (retries > policy.lateRetries) {
    yield { sentence: 'more late retries are served than allowed', operation: refreshes.at(-1) }
  }
}

/** Whether a sign-in on the same node has just replaced the session: the browser may have the new cookies by now. */
function isReplacement(
  { by, node, start, end }: Ending,
  { operation, session, retryMs }: { operation: Did<'refresh'>; session: SessionFacts; retryMs: number }
): boolean {
  const { call } = by
  const isOfCookies = call.do === 'sign-in' && call.cookies && sessionOf(call.cookies.refresh) === session.id
  const isInTime = start <= operation.end && operation.start < end + retryMs + slackMs
  return Boolean(isOfCookies) && node === operation.node && isInTime
}
