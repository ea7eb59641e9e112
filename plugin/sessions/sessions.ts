import { randomBytes } from 'node:crypto'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Settings } from '../settings.ts'
import { revokedUntil, type EndedSession, type SessionRow } from '../stores/store.ts'
import { checkOwnClaims, checkScope, type AccessTokens } from '../tokens/access-token.ts'
import type { RefreshToken, RefreshTokens } from '../tokens/refresh-token.ts'
import type { AvailableStore } from './available-store.ts'
import type { Revocations } from './revocations.ts'
import type { Salts } from './salts.ts'

export interface SignInInput {
  readonly sub: string
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  readonly scope?: string | undefined
  readonly device?: string | undefined
  /** When the credential was read, milliseconds: refused if all the subject's sessions were ended since. */
  readonly authenticatedAt?: number | undefined
}

/** One row of `app.sessions.list()`. */
export interface SessionSummary {
  readonly id: string
  readonly device: string | null
  readonly createdAt: Date
  readonly lastUsedAt: Date
  readonly expiresAt: Date
}

/** Tokens for one session, minted from its row and the store's time. */
export interface Grant {
  readonly sessionId: string
  readonly sub: string
  readonly scope: string | null
  readonly claims: Readonly<Record<string, unknown>>
  readonly accessToken: string
  readonly refreshToken: string
  /** Seconds until the access token expires. */
  readonly expiresIn: number
  /** Seconds until the session expires. */
  readonly sessionExpiresIn: number
}

/** Asked whether a token of these claims can be delivered, before anything is written; throws if not. */
export type Deliverable = (token: string, claims: Readonly<Record<string, unknown>>) => void

export interface SessionParts {
  readonly settings: Settings
  readonly store: AvailableStore
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
  readonly salts: Salts
  readonly revocations: Revocations
  readonly emit: Emit
}

const maxDeviceLength = 200
const maxSubBytes = 1000
/** Stores remember when all of a subject's sessions were ended for at least this long. */
const rememberedMs = 24 * 3600 * 1000

export type Sessions = ReturnType<typeof createSessions>

/** Starts, lists and ends logins. How a login is carried on is `refresh.ts`. */
export function createSessions ({ settings, store, accessTokens, refreshTokens, salts, revocations, emit }: SessionParts) {
  const { clock, accessToken: { lifetimeSeconds, maxLifetimeSeconds }, refreshToken: { idleSeconds, absoluteSeconds } } = settings

  return {
    grant,
    tryOut,
    forget,

    /**
     * Starts a session, and ends others (`end`) in the same atomic step.
     * @throws AuthError AUTH_REVOKED_TOKEN when the subject's sessions were all ended since `authenticatedAt`
     * @throws TypeError for what is not a subject, claims, scope or device
     */
    async start (input: SignInInput, { end, deliverable, transport }: {
      end: readonly string[]
      deliverable: Deliverable
      transport: 'bearer' | 'cookie'
    }): Promise<Grant> {
      const subject = checkSubject(input)
      if (input.authenticatedAt !== undefined && input.authenticatedAt < clock() - rememberedMs) throw refusal('AUTH_REVOKED_TOKEN', 'the credential was read more than a day ago')
      const session = {
        ...subject,
        id: randomBytes(16).toString('base64url'),
        salt: randomBytes(16).toString('base64url'),
        device: checkDevice(input.device),
        accessLifetimeSeconds: lifetimeSeconds,
        idleMs: idleSeconds * 1000,
        absoluteMs: absoluteSeconds * 1000
      }
      tryOut({ ...subject, id: session.id }, deliverable)
      const { row, now, ended } = await store.insert(session, { end, authenticatedAt: input.authenticatedAt, lifetimeSeconds })
      if (row === null) throw refusal('AUTH_REVOKED_TOKEN', 'all sessions of the subject were ended since the credential was read')
      forget(ended)
      salts.set(row.id, row.salt)
      emit({ type: 'session-started', sub: row.sub, sessionId: row.id, transport })
      return grant(row, now, row)
    },

    /**
     * Ends a session: before this resolves, its access tokens are refused in this process. When the store fails, they
     * are refused all the same, the store is told later, and this throws AUTH_STORE_UNAVAILABLE.
     */
    end: (sessionId: string): Promise<void> => surely(sessionId, async () => {
      if (!await end(sessionId)) await endUnknown(sessionId)
    }),

    /** The same for the session that a refresh token of any generation names; what is no token of ours ends nothing. */
    async endNamed (text: string): Promise<void> {
      const token = refreshTokens.read(text)
      if (token === null) return
      await surely(token.sessionId, async () => {
        if (await named(token) !== null) await end(token.sessionId)
      })
    },

    /** The session that a refresh token of any generation names, `null` if none does. */
    async named (text: string): Promise<string | null> {
      const token = refreshTokens.read(text)
      return token === null ? null : await named(token)
    },

    /** A subject's live sessions, oldest first. */
    async list (sub: string): Promise<SessionSummary[]> {
      return (await store.list(sub)).map((row) => ({
        id: row.id,
        device: row.device,
        createdAt: new Date(row.createdAt),
        lastUsedAt: new Date(Math.max(row.rotatedAt, ...row.retries)),
        expiresAt: new Date(row.idleExpiresAt)
      }))
    },

    /** Ends a session; with `sub`, only if it is that subject's. False when there is no such session. */
    revoke: (sessionId: string, { sub }: { sub?: string | undefined } = {}): Promise<boolean> => end(sessionId, sub),

    /** Ends all sessions of a subject but `except`; resolves to how many. Logins that are under way are refused too. */
    async revokeAll (sub: string, { except }: { except?: string | null | undefined } = {}): Promise<number> {
      const ended = await store.revokeAll(sub, { except: except ?? undefined, lifetimeSeconds })
      forget(ended)
      return ended.length
    }
  }

  async function named (token: RefreshToken): Promise<string | null> {
    const { row } = await store.find(token.sessionId)
    return row !== null && refreshTokens.proves(token, row.salt) ? row.id : null
  }

  async function end (sessionId: string, sub?: string): Promise<boolean> {
    const ended = await store.revoke(sessionId, { sub, lifetimeSeconds })
    if (ended) forget([ended])
    return ended !== null
  }

  /** What the store has lost lives on in access tokens: they are revoked for as long as any may be valid. */
  async function endUnknown (sessionId: string): Promise<void> {
    const until = revokedUntil(clock(), { accessLifetimeSeconds: maxLifetimeSeconds }, lifetimeSeconds)
    await revocations.publish({ kind: 'session', id: sessionId, until })
  }

  /** Whoever signs out is signed out, here and now, whether or not the store can be told. */
  async function surely (sessionId: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      revocations.addUnsaved(sessionId)
      throw error
    }
  }

  /** From here on, this process refuses the sessions' access tokens. */
  function forget (ended: readonly EndedSession[]): void {
    for (const { id, until } of ended) revocations.add({ kind: 'session', id, until })
  }

  /** Tokens for what the row says, valid by the store's time and never longer than the session. */
  function grant (row: SessionRow, now: number, subject: Pick<SessionRow, 'claims' | 'scope'>): Grant {
    const iat = Math.floor(now / 1000)
    const exp = Math.min(iat + lifetimeSeconds, Math.floor(row.absoluteExpiresAt / 1000))
    const { claims, scope } = subject
    return {
      sessionId: row.id,
      sub: row.sub,
      scope,
      claims,
      accessToken: accessTokens.mint({ sub: row.sub, sid: row.id, scope, claims }, { iat, exp }),
      refreshToken: refreshTokens.mint(row.id, row.generation, row.salt),
      expiresIn: exp - iat,
      sessionExpiresIn: Math.floor((row.idleExpiresAt - now) / 1000)
    }
  }

  /** Mints a token that nobody gets: what cannot be delivered is found out before anything is written. */
  function tryOut ({ id, sub, claims, scope }: Pick<SessionRow, 'id' | 'sub' | 'claims' | 'scope'>, deliverable: Deliverable): void {
    const iat = Math.floor(clock() / 1000)
    deliverable(accessTokens.mint({ sub, sid: id, scope, claims }, { iat, exp: iat + lifetimeSeconds }), claims)
  }
}

/** What every database keeps as it is: well-formed Unicode without U+0000, not too long for an index. */
function checkSub (sub: unknown): void {
  const fits = typeof sub === 'string' && sub !== '' && !sub.includes('\0') && Buffer.byteLength(sub) <= maxSubBytes && Buffer.from(sub).toString() === sub
  if (!fits) throw new TypeError(`"sub" must be a non-empty, well-formed string of at most ${maxSubBytes} bytes`)
}

function checkSubject ({ sub, claims = {}, scope, authenticatedAt }: SignInInput) {
  checkSub(sub)
  if (authenticatedAt !== undefined && !Number.isFinite(authenticatedAt)) throw new TypeError('"authenticatedAt" must be a time in milliseconds')
  return { sub, claims: checkOwnClaims(claims), scope: checkScope(scope) }
}

function checkDevice (device: unknown): string | null {
  if (device === undefined || device === null) return null
  if (typeof device !== 'string' || device.length > maxDeviceLength) throw new TypeError(`"device" must be a string of at most ${maxDeviceLength} characters`)
  return device
}
