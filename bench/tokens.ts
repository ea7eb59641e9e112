import { createHmac, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import type { Algorithm } from './algorithms.ts'

export const issuer = 'https://api.example.com'
export const audience = 'https://api.example.com'
export const secret = randomBytes(32).toString('base64url')
const kid = randomBytes(12).toString('base64url')
const lifetimeSeconds = 3600

const privateKeys: Record<Exclude<Algorithm, 'HS256'>, KeyObject> = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

/** As the plugin's option `keys` takes it. */
export function keyOf(alg: Algorithm) {
  if (alg === 'HS256') return { key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') }, kid, alg }
  return { key: privateKeys[alg].export({ type: 'pkcs8', format: 'pem' }) as string, kid, alg }
}

/** What every token claims, but for its `jti` and session. */
function claims(iat: number) {
  return {
    roles: ['editor'],
    iss: issuer,
    aud: audience,
    sub: 'alice',
    exp: iat + lifetimeSeconds,
    iat,
    jti: randomBytes(16).toString('base64url'),
    sid: randomBytes(16).toString('base64url'),
    scope: 'notes:read notes:write'
  }
}

/** An access token as the plugin mints it for a session. */
function mint(alg: Algorithm, { iat = Math.floor(Date.now() / 1000) } = {}): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg, typ: 'at+jwt', kid })}.${encode(claims(iat))}`
  return `${text}.${signature(alg, text).toString('base64url')}`
}

export function mintMany(alg: Algorithm, count: number): string[] {
  return Array.from({ length: count }, () => mint(alg))
}

/** One that was signed well and has expired. */
export function mintExpired(): string {
  return mint('HS256', { iat: Math.floor(Date.now() / 1000) - 2 * lifetimeSeconds })
}

/** One that somebody else signed. */
export function forge(): string {
  const token = mint('HS256')
  return `${token.slice(0, token.lastIndexOf('.') + 1)}${randomBytes(32).toString('base64url')}`
}

/** No token at all, of a token's length. */
export function garbage(): string {
  return randomBytes(360).toString('base64url')
}

function signature(alg: Algorithm, text: string): Buffer {
  if (alg === 'HS256') return createHmac('sha256', secret).update(text).digest()
  const key = privateKeys[alg]
  return sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
}
