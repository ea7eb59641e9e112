import { createPublicKey, hkdfSync, X509Certificate } from 'node:crypto'
import { optionError } from '../options/option-error.ts'

/** The least that HS256 allows, RFC 7518 §3.2. */
const minSecretBytes = 32

/**
 * Reads the option `secret`: one secret or a list. A secret is a Buffer, or a string of which the UTF-8 bytes are used.
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
  const repeated = secrets.findIndex((secret, index) => secrets.findIndex((other) => other.equals(secret)) !== index)
  if (repeated >= 0) throw optionError(`secret.${repeated}`, 'repeats an earlier entry')
  if (endsWithLineBreak(secrets[0]!)) {
    throw optionError(
      Array.isArray(option) ? 'secret.0' : 'secret',
      'must not end with a line break, which files often add: remove it on every node. ' +
        'If tokens were signed with it, list both: [without, with]'
    )
  }
  return secrets
}

/** Random bytes may end with any byte: only text is looked at. */
function endsWithLineBreak(secret: Buffer): boolean {
  return /^[\x20-\x7e\t]+[\r\n]+$/.test(secret.toString('latin1'))
}

function readSecret(entry: unknown, name: string): Buffer {
  if (typeof entry !== 'string' && !Buffer.isBuffer(entry)) throw optionError(name, 'must be a string or a Buffer')
  const secret = Buffer.from(entry as string)
  checkSecret(secret, { name, minBytes: minSecretBytes })
  return secret
}

/** Refuses a secret that is too short, one repeated character, or public (the HS256/RS256 confusion). */
export function checkSecret(
  secret: Buffer,
  { name, minBytes }: { readonly name: string; readonly minBytes: number }
): void {
  if (secret.length < minBytes) {
    throw optionError(name, `must be at least ${minBytes} bytes: received ${secret.length}`)
  }
  if (new Set(secret).size === 1 || new Set(secret.toString('utf8')).size === 1) {
    throw optionError(name, 'must not be one repeated character')
  }
  if (looksPublic(secret)) {
    throw optionError(name, 'must be secret: this looks like a public key or a certificate')
  }
}

function looksPublic(secret: Buffer): boolean {
  const text = secret.toString('utf8')
  // Base64 is the body of a PEM file, or PEM or DER in an environment variable.
  const decoded = Buffer.from(text, 'base64')
  const isText = [text, decoded.toString('latin1')].some((form) => textHeader.test(form) || isAsymmetricJwk(form))
  return isText || isDer(secret) || isDer(decoded)
}

/** The header of PEM and SSH2 (RFC 4716), or the first word of an OpenSSH public key. */
const textHeader = /---- ?BEGIN|^\s*(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-/

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

/** Derives bytes for one purpose from a secret (HKDF, RFC 5869). They reveal nothing about the secret. */
export function derive(
  secret: Buffer,
  { purpose, bytes }: { readonly purpose: string; readonly bytes: number }
): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `fastify-authenticate ${purpose}`, bytes))
}
