import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Settings } from '../options/options.ts'
import { derive } from './secret.ts'

/** A refresh token whose first half is good: it names a session truly, but its row has not been read. */
export interface RefreshToken {
  readonly sessionId: string
  readonly generation: number
  /** The second half of the mac, to be compared with what the row's session key yields. */
  readonly sessionMac: Buffer
}

const maxLength = 256
const halfBytes = 16
const idShape = /^[\w-]{22}$/
const generationShape = /^(0|[1-9]\d{0,15})$/

export type RefreshTokens = ReturnType<typeof createRefreshTokens>

/**
 * `rt1.<session id>.<generation>.<mac>`. The mac's first half is keyed by the server's secret and costs no look-up;
 * its second half is keyed by the random session key of the session's row. So neither a stolen database nor a leaked
 * secret alone mints a refresh token, and a forged one never reaches the database.
 */
export function createRefreshTokens({ issuer }: Settings, secrets: readonly Buffer[]) {
  // The issuer is part of the label: two issuers over one secret and one store cannot exchange each other's tokens.
  const keys = secrets.map((secret) => createSecretKey(derive(secret, `refresh token ${issuer}`, 32)))

  return {
    issue(sessionId: string, generation: number, sessionKey: string): string {
      const text = signedPart(sessionId, generation)
      return `${text}.${Buffer.concat([mac(keys[0]!, text), mac(sessionKey, text)]).toString('base64url')}`
    },

    /** Reads a token and checks its first half, in constant time for each secret; `null` for whatever is not ours. */
    read(token: string): RefreshToken | null {
      if (token.length > maxLength) return null
      const [version, sessionId = '', digits = '', encodedMac = '', ...rest] = token.split('.')
      const generation = Number(digits)
      if (
        version !== 'rt1' ||
        !idShape.test(sessionId) ||
        !generationShape.test(digits) ||
        !Number.isSafeInteger(generation) ||
        rest.length > 0
      ) {
        return null
      }
      const bytes = Buffer.from(encodedMac, 'base64url')
      if (bytes.length !== 2 * halfBytes || bytes.toString('base64url') !== encodedMac) return null
      const text = signedPart(sessionId, generation)
      const first = bytes.subarray(0, halfBytes)
      return keys.some((key) => timingSafeEqual(mac(key, text), first))
        ? { sessionId, generation, sessionMac: bytes.subarray(halfBytes) }
        : null
    },

    /** Whether the token's second half is the one that a row with this session key yields. */
    matches: ({ sessionId, generation, sessionMac }: RefreshToken, sessionKey: string): boolean =>
      timingSafeEqual(mac(sessionKey, signedPart(sessionId, generation)), sessionMac)
  }
}

function signedPart(sessionId: string, generation: number): string {
  return `rt1.${sessionId}.${generation}`
}

function mac(key: KeyObject | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest().subarray(0, halfBytes)
}
