import { parseCursor } from '../revocation-cursor.ts'
import type { NewSession, Revocation, RevokeManyResult, RevokedSession, SessionRow, Subject } from '../session-store.ts'
import type { Argument } from './driver.ts'

/** Redis keeps a hash in one compact block while none of its values is longer (`hash-max-listpack-value`). */
const pieceBytes = 64
/** The same holds for the number of values (`hash-max-listpack-entries`): a longer text is kept in one piece. */
const longestInPieces = 4096

/**
 * The fields `0`, `1`, … of the hash: what no script reads, as JSON in pieces. JSON escapes lone surrogates, which
 * UTF-8 cannot hold, and no piece ends within a character. The first member of the JSON is the `sessionKey`.
 */
export function toPieces({
  sessionKey,
  device,
  scope,
  claims,
  details
}: Pick<NewSession, 'sessionKey' | 'device' | 'scope' | 'claims' | 'details'>): string[] {
  const json = JSON.stringify([sessionKey, device, scope, claims, details])
  if (json.length > longestInPieces) return [json]
  const pieces: string[] = []
  const room = new Uint8Array(pieceBytes)
  const encoder = new TextEncoder()
  for (let rest = json; rest !== '';) {
    const { read } = encoder.encodeInto(rest, room)
    pieces.push(rest.slice(0, read))
    rest = rest.slice(read)
  }
  return pieces
}

/** From the reply of HGETALL: names and values in turn; empty if the session does not exist. */
export function toRow(id: string, flat: unknown): SessionRow | null {
  const fields = toFields(flat as unknown[])
  if (!fields.has('g')) return null
  const text = (name: string) => fields.get(name)!
  const number = (name: string) => Number(text(name))
  const optional = (name: string) => (fields.has(name) ? number(name) : null)
  let json = ''
  for (let index = 0; fields.has(String(index)); index++) json += text(String(index))
  // Version 2 stored no details.
  const [sessionKey, device, scope, claims, details = {}] = JSON.parse(json) as [
    string,
    string | null,
    string | null,
    Record<string, unknown>,
    Record<string, unknown>?
  ]
  return {
    id,
    issuer: fields.get('o') ?? '',
    sub: text('s'),
    sessionKey,
    generation: number('g'),
    createdAt: number('c'),
    rotatedAt: number('r'),
    retries: fields.has('y') ? text('y').split(',').map(Number) : [],
    repeatedGeneration: optional('n'),
    repeatStreak: optional('q') ?? 0,
    idleExpiresAt: number('i'),
    idleLimitMs: optional('l'),
    absoluteExpiresAt: number('a'),
    accessLifetimeSeconds: number('t'),
    revokedAt: optional('v'),
    device,
    scope,
    claims,
    details
  }
}

export function toRevoked(reply: unknown): RevokedSession {
  const [id, sub, until] = reply as unknown[]
  return { id: String(id), sub: String(sub), until: Number(until) }
}

export function toRevokeManyResult([now, revoked, more]: unknown[]): RevokeManyResult {
  return { revoked: (revoked as unknown[]).map(toRevoked), more: Number(more) === 1, storeTime: Number(now) }
}

/** The member of the log's sorted sets. */
export function toMember({ kind, id }: Pick<Revocation, 'kind' | 'id'>): string {
  return (kind === 'session' ? 's' : 't') + id
}

export function toRevocation(reply: unknown): Revocation {
  const [member, until] = reply as unknown[]
  const text = String(member)
  return { kind: text.startsWith('s') ? 'session' : 'token', id: text.slice(1), until: Number(until) }
}

/** `String()`, because the application may have set its client to reply with Buffers. */
function toFields(flat: readonly unknown[]): Map<string, string> {
  const fields = new Map<string, string>()
  for (let index = 0; index < flat.length; index += 2) fields.set(String(flat[index]), String(flat[index + 1]))
  return fields
}

/** A list as scripts take it: its length first. */
export function listArguments(texts: readonly string[]): Argument[] {
  return [texts.length, ...texts]
}

export function subjectArguments({ issuers, sub }: Subject): Argument[] {
  return [sub, ...listArguments([...new Set(issuers)])]
}

/** Lua knows no infinity in arguments. */
export function limitArgument(count: number): number {
  return Math.min(count, Number.MAX_SAFE_INTEGER)
}

export function cursorArguments(cursor: string | null): Argument[] {
  const { number, nonce } = parseCursor(cursor)
  return [number, nonce]
}
