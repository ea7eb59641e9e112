import { randomBytes } from 'node:crypto'
import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Settings } from '../options/options.ts'
import { revokeAllRememberedMs, type NewSession } from '../stores/session-store.ts'
import { createReadAuthentication } from './authentication.ts'
import type { KnownSessions } from './known-sessions.ts'
import { ownIssuers } from './own-issuers.ts'
import type { Revocations } from './revocations.ts'
import { packDetails } from './session-details.ts'
import type { NewSessionId } from './session-id.ts'
import { createSessionLimits } from './session-limits.ts'
import { checkSignIn, type SignInInput } from './sign-in-input.ts'
import type { TimedStore } from './timed-store.ts'
import type { AssertFits, TokenIssuer, TokenSet } from './token-issuer.ts'
import type { Trimmer } from './trimmer.ts'

export interface SessionStartParts {
  readonly settings: Pick<Settings, 'issuer' | 'issuers' | 'accessToken' | 'refreshToken'>
  readonly store: Pick<TimedStore, 'insert'>
  readonly newSessionId: NewSessionId
  /** How many seconds a token that is signed now stays valid, by the store's clock. */
  readonly accessLifetime: () => number
  /** The clock of access tokens. */
  readonly clock: () => number
  /** This node's own clock, by which the application says when a credential was read. */
  readonly nodeClock: () => number
  readonly tokenIssuer: TokenIssuer
  readonly knownSessions: Pick<KnownSessions, 'remember'>
  readonly revocations: Pick<
    Revocations,
    'markReplaced' | 'markRevoked' | 'isSessionRevoked' | 'revokeLocally' | 'longestRevocation'
  >
  readonly trimmer: Pick<Trimmer, 'add'>
  readonly emit: Emit
}

/** Of the session key, and of an id. */
const keyBytes = 16

export interface SessionStartOptions {
  /** Ids of sessions that are revoked in the same step. */
  readonly revoke: readonly string[]
  readonly assertFits: AssertFits
  readonly transport: 'bearer' | 'cookie'
  /** The store of the request. Default: a store with a time limit of its own. */
  readonly store?: Pick<TimedStore, 'insert'> | undefined
}

export type StartSession = ReturnType<typeof createSessionStart>

/** Starts sessions. */
export function createSessionStart({
  settings,
  store: sharedStore,
  newSessionId,
  accessLifetime,
  clock,
  nodeClock,
  tokenIssuer,
  knownSessions,
  revocations,
  trimmer,
  emit
}: SessionStartParts) {
  const { maxSessions } = settings.refreshToken
  const limitsOf = createSessionLimits(settings)
  const issuers = ownIssuers(settings.issuers)
  const { clockToleranceSeconds } = settings.accessToken
  const readAuthentication = createReadAuthentication({ clock, nodeClock, clockToleranceSeconds })

  /**
   * Starts a session, and revokes others in the same step: those in `revoke`, and all others of the subject if the
   * input says `revokeOthers`.
   * @throws AuthError AUTH_REVOKED_TOKEN if all sessions of the subject were revoked at or after `authenticatedAt`;
   * AUTH_TOKEN_TOO_LARGE; AUTH_STORE_UNAVAILABLE
   * @throws TypeError for an invalid member of the input
   */
  return async function startSession(
    input: SignInInput,
    { revoke, assertFits, transport, store = sharedStore }: SessionStartOptions
  ): Promise<TokenSet> {
    const { sub, claims, scope, device, authenticatedAt, revokeOthers, persistent } = checkSignIn(input)
    await tokenIssuer.loadSigner()
    const limits = limitsOf(input)
    if (authenticatedAt !== undefined && authenticatedAt < nodeClock() - revokeAllRememberedMs) {
      throw refusal('AUTH_REVOKED_TOKEN', 'the credential was read more than a day ago')
    }
    // One call for both, because each call reads from the operating system.
    const random = randomBytes(2 * keyBytes)
    const session: NewSession = {
      id: newSessionId(sub, random.subarray(keyBytes)),
      issuer: settings.issuer,
      sub,
      sessionKey: random.toString('base64url', 0, keyBytes),
      device,
      scope,
      claims,
      details: packDetails({ persistent, ...readAuthentication(input) }),
      accessLifetimeSeconds: accessLifetime(),
      ...limits
    }
    const token = tokenIssuer.prepare(session, assertFits)
    const inserted = await store.insert(session, {
      issuers,
      revoke,
      revokeOthers,
      maxSessions,
      // An age, by this node's clock alone: the clocks of node and store are never compared.
      authenticatedAge: authenticatedAt === undefined ? undefined : () => nodeClock() - authenticatedAt,
      lifetimeSeconds: accessLifetime()
    })
    if (inserted.row === null) {
      throw refusal('AUTH_REVOKED_TOKEN', 'all sessions of the subject were revoked after the credential was read')
    }
    const { row, storeTime, revoked, evicted, more } = inserted
    revocations.markRevoked(revoked)
    revocations.markReplaced(revoke)
    revocations.markRevoked(evicted, 'max-sessions')
    revokeMissing(revoke)
    if (more) void trimmer.add({ issuers, sub })
    knownSessions.remember(row)
    emit({ type: 'session-started', sub: row.sub, sessionId: row.id, transport })
    return tokenIssuer.issue(token, { row, storeTime })
  }

  /** The store may have lost these sessions while their access tokens are still valid. */
  function revokeMissing(ids: readonly string[]): void {
    for (const id of ids) {
      if (!revocations.isSessionRevoked(id)) revocations.revokeLocally(revocations.longestRevocation(id))
    }
  }
}
