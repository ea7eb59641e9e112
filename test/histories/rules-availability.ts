import type { Finding } from './check.ts'
import { firstAfter, sessionOf, touches } from './facts.ts'
import type { Facts } from './facts.ts'
import type { Call, Operation } from './history.ts'

/** The expected outcomes of each call. */
const statuses: Record<Call['do'], readonly number[]> = {
  'sign-in': [200, 401, 503],
  refresh: [200, 401, 503],
  'sign-out': [204, 503],
  revoke: [200, 503],
  'revoke-all': [200, 503],
  'revoke-token': [204, 503],
  use: [200, 401],
  list: [200, 503],
  sweep: [200, 503]
}

/** Database clients wait before they reconnect, longer each time. */
const recoveryMs = 6000

/** Every call gets a response from the catalogue, and the store is unavailable only during its faults. */
export function* availabilityRules(facts: Facts): Generator<Finding> {
  const {
    operations,
    history: { faults, recoveredAt }
  } = facts
  if (recoveredAt === null) {
    yield { sentence: 'a node does not read the log any more after all faults are over', operation: operations.at(-1) }
  }
  for (const operation of operations) {
    const { call, outcome, node } = operation
    const wrong = (sentence: string): Finding => ({ sentence, operation })
    if (outcome === null) {
      const kills = faults.filter((fault) => fault.kind === 'node killed' && touches(fault, node))
      const isKilled = kills.some((fault) => fault.start <= operation.end && fault.end >= operation.start)
      if (!isKilled) yield wrong('a call gets no response')
      continue
    }
    if (!statuses[call.do].includes(outcome.status)) {
      yield wrong(`${call.do} gets the response ${outcome.status} ${outcome.code}`)
    }
    if (outcome.status !== 503) continue
    if (!outcome.retryAfter) yield wrong('a 503 has no Retry-After')
    if (outcome.cleared && call.do === 'refresh') yield wrong('a 503 takes the refresh cookie away')
    if (!mayBeUnavailable(operation, facts) && !isMachineBusy(operation, facts)) {
      yield wrong('the store is unavailable, and nothing is wrong with it')
    }
  }
}

/** Only a fault of the database or a busy machine makes a call take this long. */
const slowMs = 400

/** Unrelated calls were late too, so the machine was busy. */
function isMachineBusy({ call, start, end }: Operation, { operations }: Facts): boolean {
  return (
    end - start > slowMs &&
    operations.some(
      (other) =>
        other.start <= end &&
        other.end >= start &&
        other.end - other.start > slowMs &&
        other.outcome?.status !== 503 &&
        !isAboutTheSame(other.call, call)
    )
  )
}

function isAboutTheSame(one: Call, other: Call): boolean {
  return one.do === other.do && 'token' in one && 'token' in other && sessionOf(one.token) === sessionOf(other.token)
}

/** During a fault of the node, and after it until the node has read the log twice and had time to reconnect. */
function mayBeUnavailable({ node, start, end }: Operation, { history: { faults }, readings }: Facts): boolean {
  return faults.some((fault) => {
    if (!touches(fault, node) || fault.start > end) return false
    // Calls that were pending while the process was stalled are late; later calls are not.
    if (fault.kind === 'busy machine') return start < fault.end
    const first = firstAfter(readings.get(node) ?? [], fault.end)
    const second = first && firstAfter(readings.get(node)!, first.start)
    return start < Math.max(fault.end + recoveryMs, second?.end ?? Infinity)
  })
}
