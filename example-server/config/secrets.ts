import { createPrivateKey } from 'node:crypto'
import type { KeyOption } from 'fastify-authenticate'
import { isKeyState } from '../keys/rotation.ts'
import type { Reader } from './readers.ts'

/** Fewer are a repeated pattern. 32 random bytes in base64 have about 30 different characters, in hex 16. */
const minCharacters = 10

/** One secret, or several to replace one without signing anybody out: the first signs, all verify. */
export const secrets: Reader<string[]> = {
  must:
    `be at least 32 random bytes with ${minCharacters} different characters, such as the output of: ` +
    'openssl rand -base64 32; or a comma-separated list of them, the newest first',
  read(given) {
    const entries = given.split(',').map((entry) => entry.trim())
    return entries.every(isStrong) ? entries : undefined
  }
}

function isStrong(secret: string): boolean {
  return Buffer.byteLength(secret) >= 32 && new Set(secret).size >= minCharacters
}

/** A private key in PEM, or the JSON of `keys.json` (see `keys/rotation.ts`). */
export const keys: Reader<KeyOption[]> = {
  must: 'be a private key in PEM, or a JSON list of { "key": PEM, "state": "next", "active" or "previous" }',
  read(given) {
    // Files with variables have one line for each.
    if (given.startsWith('-----BEGIN ')) return readKey({ key: given.replaceAll('\\n', '\n') })
    try {
      const entries: unknown = JSON.parse(given)
      if (!Array.isArray(entries)) return undefined
      const read = entries.map((entry) => readKey(Object(entry)))
      return read.length > 0 && read.every((entry) => entry !== undefined) ? read.flat() : undefined
    } catch {
      return undefined
    }
  }
}

/** The plugin checks the rest: the kinds of keys, and that one is active. */
function readKey({ key, state = 'active' }: { key?: unknown; state?: unknown }): KeyOption[] | undefined {
  if (typeof key !== 'string' || !isKeyState(state)) return undefined
  try {
    // Of a previous key, only the public half may be left.
    if (state !== 'previous') createPrivateKey(key)
    return [{ key, state }]
  } catch {
    return undefined
  }
}
