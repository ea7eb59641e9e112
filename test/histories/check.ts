import { describe } from './describe.ts'
import { gatherFacts } from './facts.ts'
import type { Facts } from './facts.ts'
import type { History, Operation } from './history.ts'
import { availabilityRules } from './rules-availability.ts'
import { refreshRules } from './rules-refresh.ts'
import { revocationRules } from './rules-revocation.ts'
import { subjectRules } from './rules-subject.ts'

/** Something that must not be: a sentence, the operation that shows it, and what it contradicts. */
export interface Finding {
  readonly sentence: string
  readonly operation?: Operation | undefined
  readonly because?: readonly Operation[]
}

export type Rule = (facts: Facts) => Iterable<Finding>

export interface Violation {
  readonly sentence: string
  /** The operations around it, one a line. */
  readonly excerpt: string
}

/**
 * Checks a history against what the plugin promises (DESIGN §6 and §8). Nothing is compared with how long something
 * should take: an operation happened at some moment between its start and its end, and only what is impossible for all
 * such moments is a violation. An operation without a response, or with a 503, may have been carried out at any time
 * since its start, or never.
 *
 * - A refresh returns the token that was presented, or its successor. No generation has two tokens.
 * - A token is exchanged once: nobody gets its successor before `retrySeconds` have passed since the rotation before,
 *   nor itself after that; and its successor's successor is never given for it.
 * - A token that is two or more generations old never yields tokens. Within `retrySeconds` of a rotation it is refused
 *   as superseded, later it ends the session.
 * - The token before the current one yields the current one; late retries are at most `lateRetries`.
 * - Reuse is reported only where there was one: a client that presents its own token, again where a response was lost,
 *   is never accused. No session ends that nobody ended, and no token is refused as revoked that nobody revoked.
 * - A refused refresh takes the cookies away, unless they may still work (superseded, 503).
 * - After a session was signed out, revoked, or ended with all others, no refresh token of it is exchanged on any node.
 *   Its access tokens are refused on that node from the response on, on another from the end of its first reading of
 *   the log that began after the response.
 * - A sign-out that the store could not be told (503) counts on that node at once, and everywhere after recovery.
 * - A sign-in whose password was read before all sessions were ended is refused, or its session ends too.
 * - `list()` shows live sessions, all of them and no others.
 * - Every response is 200, 204, 401 or 503. A 503 comes only during a fault or soon after one (or when
 *   the machine is so busy that other calls are late too), and has `Retry-After`. Every call gets a response, but from a node that was killed. Every node recovers.
 * - Where a database has lost its last writes (a failover), sessions and rotations of that time may be lost: such a
 *   session is not refreshed any more, and ends by its own tokens only. What has ended at a node that lives on is ended
 *   again.
 */
export function check(history: History): Violation[] {
  const facts = gatherFacts(history)
  const rules: readonly Rule[] = [availabilityRules, refreshRules, revocationRules, subjectRules]
  const findings = rules.flatMap((rule) => [...rule(facts)])
  return findings.map((finding) => ({ sentence: finding.sentence, excerpt: describe(finding, facts) }))
}
