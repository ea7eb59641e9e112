import type { SessionRow } from '../stores/session-store.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { PreparedToken } from '../tokens/prepared-token.ts'
import type { RefreshTokens } from '../tokens/refresh-token.ts'
import { detailsOf } from './session-details.ts'

/** The tokens of one session. */
export interface TokenSet {
  readonly sessionId: string
  readonly sub: string
  readonly scope: string | null
  readonly accessToken: string
  readonly refreshToken: string
  /** Seconds until the access token expires. */
  readonly expiresIn: number
  /** Seconds until the session expires. */
  readonly sessionExpiresIn: number
  /** Whether a browser keeps the session's cookies after it was closed. */
  readonly persistent: boolean
}

/**
 * Throws if the response cannot carry an access token of this length. Called before anything is written.
 * @param claims the application's own claims; the error names the largest
 */
export type AssertFits = (tokenLength: number, claims: Readonly<Record<string, unknown>>) => void

/** What the access token of a session carries. */
export type TokenContent = Pick<SessionRow, 'id' | 'sub' | 'claims' | 'scope' | 'details'>

export interface TokenIssuerParts {
  readonly accessTokens: Pick<AccessTokens, 'loadSigner' | 'prepare'>
  readonly refreshTokens: Pick<RefreshTokens, 'issue'>
  /** The clock of access tokens. */
  readonly clock: () => number
  /** `accessToken.lifetimeSeconds` */
  readonly lifetimeSeconds: number
}

export type TokenIssuer = ReturnType<typeof createTokenIssuer>

/** Issues the tokens of sessions in two steps, so that a token that cannot be signed or sent prevents the write. */
export function createTokenIssuer({ accessTokens, refreshTokens, clock, lifetimeSeconds }: TokenIssuerParts) {
  return {
    /**
     * To be awaited before {@link prepare}.
     * @throws Error if what signs cannot be loaded
     */
    loadSigner: accessTokens.loadSigner,

    /**
     * The step before the write: checks the access token, without signing it.
     * @throws TypeError if the claims do not match `accessToken.claims`
     * @throws AuthError AUTH_TOKEN_TOO_LARGE
     */
    prepare({ id, sub, claims, scope, details }: TokenContent, assertFits: AssertFits): PreparedToken {
      const { authTime, acr, amr } = detailsOf({ details })
      const prepared = accessTokens.prepare({ sub, sid: id, scope, authTime, acr, amr, claims })
      assertFits(prepared.length, claims)
      return prepared
    },

    /** The step after the write: signs tokens that are valid no longer than the row and the session allow. */
    issue(prepared: PreparedToken, { row, storeTime }: { row: SessionRow; storeTime: number }): TokenSet {
      const now = clock()
      const iat = Math.floor(now / 1000)
      // The row's limit is counted by the store's clock, which may be behind.
      const aheadSeconds = Math.max(0, Math.floor((now - storeTime) / 1000))
      const longestSeconds = Math.max(1, row.accessLifetimeSeconds - aheadSeconds)
      const exp = Math.min(iat + Math.min(lifetimeSeconds, longestSeconds), Math.floor(row.absoluteExpiresAt / 1000))
      return {
        sessionId: row.id,
        sub: row.sub,
        scope: prepared.scope,
        accessToken: prepared.sign({ iat, exp }),
        refreshToken: refreshTokens.issue({
          sessionId: row.id,
          generation: row.generation,
          sessionKey: row.sessionKey
        }),
        expiresIn: exp - iat,
        sessionExpiresIn: Math.floor((row.idleExpiresAt - storeTime) / 1000),
        persistent: detailsOf(row).persistent
      }
    }
  }
}
