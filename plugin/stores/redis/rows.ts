import type { NewSession, Revocation, RevokedSession, SessionRow } from '../session-store.ts'

/** Redis keeps a hash in one compact block while none of its values is longer (`hash-max-listpack-value`)... */
const pieceBytes = 64
/** ...and while it has few of them (`hash-max-listpack-entries`): beyond, pieces would cost more than one long text. */
const longestInPieces = 4096

/**
 * What no script looks at, as JSON in pieces: the fields `0`, `1`, … of the hash. JSON escapes what UTF-8 cannot hold
 * (lone surrogates), and no piece ends within a character.
 */
export function toPieces({
  sessionKey,
  device,
  scope,
  claims
}: Pick<NewSession, 'sessionKey' | 'device' | 'scope' | 'claims'>): string[] {
  const json = JSON.stringify([sessionKey, device, scope, claims])
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

/** From the reply to HGETALL: names and values by turns, nothing where there is no such key. */
export function toRow(id: string, flat: unknown): SessionRow | null {
  const fields = toFields(flat as unknown[])
  if (!fields.has('g')) return null
  const text = (name: string) => fields.get(name)!
  const number = (name: string) => Number(text(name))
  const optional = (name: string) => (fields.has(name) ? number(name) : null)
  let json = ''
  for (let index = 0; fields.has(String(index)); index++) json += text(String(index))
  const [sessionKey, device, scope, claims] = JSON.parse(json) as [
    string,
    string | null,
    string | null,
    Record<string, unknown>
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
    absoluteExpiresAt: number('a'),
    accessLifetimeSeconds: number('t'),
    revokedAt: optional('v'),
    device,
    scope,
    claims
  }
}

export function toRevoked(reply: unknown): RevokedSession {
  const [id, sub, until] = reply as unknown[]
  return { id: String(id), sub: String(sub), until: Number(until) }
}

export function toMember({ kind, id }: Pick<Revocation, 'kind' | 'id'>): string {
  return (kind === 'session' ? 's' : 't') + id
}

export function toEntry(reply: unknown): Revocation {
  const [member, until] = reply as unknown[]
  const text = String(member)
  return { kind: text.startsWith('s') ? 'session' : 'token', id: text.slice(1), until: Number(until) }
}

/** Number and nonce; of a text that is not a cursor, those of an entry that cannot exist. */
export function toPosition(cursor: string | null): [number: string, nonce: string] {
  if (cursor === null) return ['0', '']
  const [, number, nonce] = /^(\d{1,15})\.([\w-]*)$/.exec(cursor) ?? []
  return number === undefined || nonce === undefined ? ['0', '-'] : [number, nonce]
}

/** By `String()`, because the application may have set its client to reply with Buffers. */
function toFields(flat: readonly unknown[]): Map<string, string> {
  const fields = new Map<string, string>()
  for (let index = 0; index < flat.length; index += 2) fields.set(String(flat[index]), String(flat[index + 1]))
  return fields
}
