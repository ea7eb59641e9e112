import { createPublicKey, hkdfSync, X509Certificate } from 'node:crypto'
import { optionError } from '../options/option-error.ts'

/** Long enough for HS256, RFC 7518 §3.2. */
const minBytes = 32

/**
 * Reads the option `secret`: one secret or a list, each text (its UTF-8 bytes count) or a Buffer.
 * @throws TypeError that names the option; the message never shows the secret
 */
export function readSecrets(option: unknown): readonly Buffer[] {
  if (option === undefined || option === null) {
    throw optionError('secret', 'is missing: is the environment variable set?')
  }
  const list = Array.isArray(option) ? option : [option]
  if (list.length === 0) throw optionError('secret', 'must not be an empty list')
  const secrets = list.map((entry: unknown, index) =>
    readSecret(entry, Array.isArray(option) ? `secret.${index}` : 'secret')
  )
  const twice = secrets.findIndex((secret, index) => secrets.findIndex((other) => other.equals(secret)) !== index)
  if (twice >= 0) throw optionError(`secret.${twice}`, 'stands in the list twice')
  return secrets
}

function readSecret(entry: unknown, name: string): Buffer {
  if (typeof entry !== 'string' && !Buffer.isBuffer(entry)) throw optionError(name, 'must be a string or a Buffer')
  const secret = Buffer.from(entry as string)
  checkSecret(secret, name, minBytes)
  return secret
}

/** Refuses what is too short, guessable at a glance, or public (the classic HS/RS confusion). */
export function checkSecret(secret: Buffer, name: string, leastBytes: number): void {
  if (secret.length < leastBytes) {
    throw optionError(name, `must be at least ${leastBytes} bytes: received ${secret.length}`)
  }
  if (new Set(secret).size === 1 || new Set(secret.toString('utf8')).size === 1) {
    throw optionError(name, 'must not be one repeated character')
  }
  if (looksPublic(secret)) {
    throw optionError(name, 'looks like a public key or certificate, which everybody may know: a secret is needed')
  }
}

function looksPublic(secret: Buffer): boolean {
  const text = secret.toString('utf8')
  // The body of a PEM file, or DER made fit for an environment variable, is base64.
  return armour.test(text) || isAsymmetricJwk(text) || isDer(secret) || isDer(Buffer.from(text, 'base64'))
}

/** PEM and SSH2 (RFC 4716) headers, and the first word of an OpenSSH public key. */
const armour = /---- ?BEGIN|^\s*(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-/

function isAsymmetricJwk(text: string): boolean {
  if (!text.includes('"kty"')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function isDer(secret: Buffer): boolean {
  const readers = [
    () => createPublicKey({ key: secret, format: 'der', type: 'spki' }),
    () => createPublicKey({ key: secret, format: 'der', type: 'pkcs1' }),
    () => new X509Certificate(secret)
  ]
  return readers.some((read) => {
    try {
      return read() !== null
    } catch {
      return false
    }
  })
}

/** Derives bytes for one purpose from a secret (HKDF, RFC 5869): nothing that is derived tells anything of the secret. */
export function derive(secret: Buffer, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `fastify-authenticate ${purpose}`, bytes))
}
