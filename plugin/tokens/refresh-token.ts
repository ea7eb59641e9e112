import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import { derive } from './secret.ts'

/** A refresh token whose server mac is valid. Its session's row has not been read yet. */
export interface RefreshToken {
  readonly sessionId: string
  readonly generation: number
  /** The second half of the mac, which the session key in the row verifies. */
  readonly sessionMac: Buffer
}

const halfBytes = 16
/**
 * Version, session id, generation, and both halves of the mac. 43 characters hold two bits more than 32 bytes: the last
 * character is one of those in which both are zero, so that each mac has one spelling (RFC 4648 §3.5).
 */
const shape = /^rt1\.([\w~-]{22,64})\.(0|[1-9]\d{0,15})\.([\w-]{42}[AEIMQUYcgkosw048])$/

/** What a refresh token is issued for: a session's row. */
interface IssueInput {
  readonly sessionId: string
  readonly generation: number
  readonly sessionKey: string
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>

/**
 * Issues and reads refresh tokens: `rt1.<session id>.<generation>.<mac>`. The first half of the mac is keyed by the
 * server's secret and is checked without a query. The second half is keyed by the random session key in the session's
 * row. So a stolen database or a leaked secret alone cannot issue a refresh token, and a forged one causes no query.
 * @param parts.issuers the issuers that are this application; the first signs, all verify
 * @param parts.secrets the first signs, all verify
 */
export function createRefreshTokens({ issuers, secrets }: { issuers: readonly string[]; secrets: readonly Buffer[] }) {
  // The issuer is part of the purpose: two issuers that share a secret and a store do not accept each other's tokens.
  const keys = issuers.flatMap((issuer) =>
    secrets.map((secret) => createSecretKey(derive(secret, { purpose: `refresh token ${issuer}`, bytes: 32 })))
  )

  return {
    /** The refresh token of a session's generation. The same row always yields the same token. */
    issue({ sessionId, generation, sessionKey }: IssueInput): string {
      const text = signedPart(sessionId, generation)
      const macs = Buffer.concat([mac(keys[0]!, text), mac(sessionKey, text)])
      return `${text}.${macs.toString('base64url')}`
    },

    /** Reads a token and checks its server mac, in constant time for each key; `null` if it is not one of ours. */
    read(token: string): RefreshToken | null {
      const [, sessionId, digits, encodedMac] = shape.exec(token) ?? []
      if (sessionId === undefined || encodedMac === undefined) return null
      const generation = Number(digits)
      if (!Number.isSafeInteger(generation)) return null
      const bytes = Buffer.from(encodedMac, 'base64url')
      const text = signedPart(sessionId, generation)
      const serverMac = bytes.subarray(0, halfBytes)
      return keys.some((key) => timingSafeEqual(mac(key, text), serverMac))
        ? { sessionId, generation, sessionMac: bytes.subarray(halfBytes) }
        : null
    },

    /** Whether the second half of the mac was made with this session key, compared in constant time. */
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
