import { describe } from './describe.ts'
import { gatherFacts } from './facts.ts'
import type { Facts } from './facts.ts'
import type { History, Operation } from './history.ts'
import { availabilityRules } from './rules-availability.ts'
import { refreshRules } from './rules-refresh.ts'
import { revocationRules } from './rules-revocation.ts'
import { subjectRules } from './rules-subject.ts'

/** A broken promise: a sentence, the operation that shows it, and the operations that it contradicts. */
export interface Finding {
  readonly sentence: string
  readonly operation?: Operation | undefined
  readonly because?: readonly Operation[]
}

export type Rule = (facts: Facts) => Iterable<Finding>

export interface Violation {
  readonly sentence: string
  /** The operations around it, one per line. */
  readonly excerpt: string
}

/**
 * Checks a history against what the plugin promises. No duration is compared with a limit: an operation took effect at
 * some moment between its start and its end, and only what is impossible for every such moment is a violation. An
 * operation without a response, or with a 503, may have taken effect at any time since its start, or never.
 *
 * - A refresh returns the token that was presented, or its successor. No generation has two tokens.
 * - A token is exchanged once: within `retrySeconds` of the last rotation it yields itself, after that its successor,
 *   and never its successor's successor.
 * - A token that is two or more generations old never yields tokens. Within `retrySeconds` of a rotation it is refused
 *   as superseded, after that it ends the session.
 * - The token before the current one yields the current one, at most `lateRetries` times after `retrySeconds`.
 * - Reuse is reported only when it happened: a client that presents its own token, again if a response was lost, is
 *   never accused. A session ends only if somebody ended it, and a token is refused as revoked only if it was
 *   revoked.
 * - A refused refresh clears the cookies, unless they may still work (superseded, 503).
 * - After a session was signed out, revoked, or ended with all others, no refresh token of it is exchanged on any node.
 *   Its access tokens are refused on that node from the response on, on another from the end of its first reading of
 *   the log that began after the response.
 * - A sign-out that could not be written to the store (503) takes effect on that node immediately, and everywhere after
 *   recovery.
 * - A sign-in whose password was read before all sessions were ended is refused, or its session ends too.
 * - `list()` shows all live sessions, and no others.
 * - Every response is 200, 204, 401 or 503. A 503 occurs only during a fault or soon after it, or when the machine is
 *   so busy that other calls are late too, and has `Retry-After`. Every call gets a response unless its node was
 *   killed. Every node recovers.
 * - A failover may lose sessions and rotations: such a session can no longer be refreshed, and only its own tokens end
 *   it. A node that survives revokes again what it had revoked.
 */
export function check(history: History): Violation[] {
  const facts = gatherFacts(history)
  const rules: readonly Rule[] = [availabilityRules, refreshRules, revocationRules, subjectRules]
  const findings = rules.flatMap((rule) => [...rule(facts)])
  return findings.map((finding) => ({ sentence: finding.sentence, excerpt: describe(finding, facts) }))
}
