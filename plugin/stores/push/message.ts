import { maxBatch, type Revocation } from '../session-store.ts'

/** A message without content: it shows that the connection delivers. */
export const heartbeatMessage = 'heartbeat'

/** Far longer than {@link maxBatch} entries of this plugin. */
const longestMessage = 1_000_000

const kinds: Readonly<Record<string, Revocation['kind']>> = { __proto__: null as never, s: 'session', t: 'token' }

export interface PushedEntries {
  /** Names the call that appended them, if the store gives its calls names. */
  readonly call: string | undefined
  readonly entries: readonly Revocation[]
}

/**
 * Reads a message with entries. Its text is
 * `{"call":"<name>","entries":[["s","<session id>","<until>"],["t","<iss> <jti>","<until>"]]}`. Anything else returns
 * `null`, and the log must be read: a call that appends more than fits publishes an empty text. A client that may
 * publish may also write to the log, so a message proves as much as an entry.
 */
export function readPushedEntries(text: string): PushedEntries | null {
  if (text.length > longestMessage) return null
  const { call, entries } = parseMembers(text)
  if (call !== undefined && typeof call !== 'string') return null
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > maxBatch) return null
  const revocations = entries.map(readEntry)
  return revocations.every((entry) => entry !== null) ? { call, entries: revocations } : null
}

/** The members of what the text is, if it has any. */
function parseMembers(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>
  } catch {
    return {}
  }
}

function readEntry(value: unknown): Revocation | null {
  if (!Array.isArray(value) || value.length !== 3) return null
  const [letter, id, until] = value as unknown[]
  const kind = typeof letter === 'string' ? kinds[letter] : undefined
  const isEntry = kind !== undefined && typeof id === 'string' && id !== '' && typeof until === 'string'
  return isEntry && /^\d{1,16}$/.test(until) ? { kind, id, until: Number(until) } : null
}
