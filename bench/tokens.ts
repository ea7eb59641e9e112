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

/** An entry of the plugin's option `keys`. */
export function keyOf(alg: Algorithm) {
  if (alg === 'HS256') return { key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') }, kid, alg }
  return { key: privateKeys[alg].export({ type: 'pkcs8', format: 'pem' }) as string, kid, alg }
}

/** All tokens have the same claims, except `jti` and `sid`. */
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

/** Signs an access token like those of the plugin. */
function signToken(alg: Algorithm, { iat = Math.floor(Date.now() / 1000) } = {}): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode({ alg, typ: 'at+jwt', kid })}.${encode(claims(iat))}`
  return `${text}.${signature(alg, text).toString('base64url')}`
}

export function signMany(alg: Algorithm, count: number): string[] {
  return Array.from({ length: count }, () => signToken(alg))
}

/** A token with a good signature that has expired. */
export function signExpired(): string {
  return signToken('HS256', { iat: Math.floor(Date.now() / 1000) - 2 * lifetimeSeconds })
}

/** A token with a bad signature. */
export function forgeToken(): string {
  const token = signToken('HS256')
  return `${token.slice(0, token.lastIndexOf('.') + 1)}${randomBytes(32).toString('base64url')}`
}

/** Text of a token's length that is not a token. */
export function randomText(): string {
  return randomBytes(360).toString('base64url')
}

function signature(alg: Algorithm, text: string): Buffer {
  if (alg === 'HS256') return createHmac('sha256', secret).update(text).digest()
  const key = privateKeys[alg]
  return sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
}
