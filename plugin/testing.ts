import { randomBytes } from 'node:crypto'
import { assertKnown } from './arguments.ts'
import type { AuthEvent } from './events.ts'
import { assertNotProduction, attachTestKit } from './http/test-kit.ts'
import type { AuthenticateOptions } from './index.ts'
import { memoryStore } from './stores/memory.ts'
import type { SessionStore } from './stores/session-store.ts'
import { mustBeAwaited } from './testing/awaited.ts'
import { createTestClock, type TestClock } from './testing/clock.ts'
import { headersOf } from './testing/headers.ts'
import type { TestIssuer } from './testing/issuer.ts'
import { createTestIssuers, type TestIssuerOptions } from './testing/issuers.ts'
import { createRegistrations } from './testing/registrations.ts'
import { checkTerms, signIn, type ReadTerms } from './testing/sign-in.ts'
import { checkKind, createSpoiltTokens, type SpoiltKind } from './testing/spoilt-token.ts'
import { cookiesFor, storageStateOf, type StorageState } from './testing/storage-state.ts'
import type { BrowserTerms, ClaimsTerms, SignInArguments, SpoiltTerms } from './testing/terms.ts'

/** What `createTestAuth()` takes. Most tests need neither of these. */
export interface TestAuthOptions {
  /**
   * What the kit's clock follows, in milliseconds since the epoch. `() => Date.now()` is for a server that runs for
   * long, and for a test runner that replaces `Date`. Default: nothing. The clock then stands still at the time of the
   * call, in whole seconds, and only `clock.advance()` moves it.
   */
  readonly clock?: (() => number) | undefined
  /**
   * Creates the store, for tests that use the application's own database. It receives the kit's clock. A database that
   * has a clock of its own, such as PostgreSQL, corrects the kit's: `clock.advance()` has no effect then, and the
   * option `clock` should be `() => Date.now()`. Default: `memoryStore`.
   * ```ts
   * const database = await createDatabase()
   * const auth = createTestAuth({ clock: () => Date.now(), store: () => myStore(database) })
   * ```
   */
  readonly store?: ((settings: { readonly clock: () => number }) => SessionStore) | undefined
}

/** A session that a test has started. */
export interface TestSession {
  /** What the client sends with each request: for `inject`, supertest and `fetch`. */
  readonly headers: Record<string, string>
  /** The session's access token, wherever `headers` has it. */
  readonly accessToken: string
  /** The session's refresh token. A route that calls `reply.refresh()` takes it. */
  readonly refreshToken: string
  /** The session's id: `request.auth.sessionId`. */
  readonly sessionId: string
}

/** A test's view of the plugin in the applications that it starts: who is signed in, what time it is, what happened. */
export interface TestAuth {
  /**
   * Spread them last into the plugin's options: a clock, a random secret and a memory store. All other options stay the
   * application's, and so does everything that decides about its routes. An application that has no `issuer` gets one:
   * an environment variable may be missing in tests.
   * ```ts
   * const auth = createTestAuth()
   * await app.register(authenticate, { issuer, secret, ...auth.options })
   * ```
   */
  readonly options: Readonly<Pick<AuthenticateOptions, 'clock' | 'secret' | 'store'>>
  /** The clock of the plugin and of its store. */
  readonly clock: TestClock
  /**
   * Everything that happened in the applications with these {@link options}, the oldest first. The option `onEvent` of
   * the application is called as well. `events.length = 0` forgets what happened so far.
   */
  readonly events: AuthEvent[]
  /**
   * Signs a user in, and resolves to the headers of that client. Each call starts a session of its own, as another
   * device would. Without `await`, what uses the promise as headers throws a TypeError.
   * ```ts
   * const auth = createTestAuth()
   * await app.inject({ url: '/notes', headers: await auth.as('alice', { scope: 'notes:read' }) })
   * ```
   * @param sub the claim `sub`
   * @throws Error if no application that is open has registered the {@link options}
   * @throws TypeError for terms that are unknown or wrong, and whatever else `reply.signIn()` throws
   */
  as(sub: string, ...terms: SignInArguments): Promise<Record<string, string>>
  /** As {@link as}, but resolves to the headers, the tokens and the id of the session. */
  signIn(sub: string, ...terms: SignInArguments): Promise<TestSession>
  /**
   * Signs a user in with cookies, and resolves to what Playwright's `browser.newContext({ storageState })` takes.
   * @param terms as of {@link as}; `url` says where the browser finds the application
   * @throws as {@link as}; also TypeError if the application uses no cookies, or if a browser would not send them to
   * this URL
   */
  storageState(sub: string, terms: BrowserTerms & ClaimsTerms): Promise<StorageState>
  /**
   * Ends all sessions of a user, as `app.sessions.revokeAll()` does, in every application that is open. Resolves to how
   * many it ended.
   */
  signOut(sub: string): Promise<number>
  /**
   * An identity provider that exists only in the test. It is the same for the same URL.
   * @throws TypeError for another algorithm than before, or one that is not an asymmetric algorithm of JWS
   */
  issuer(url: string, options?: TestIssuerOptions): TestIssuer
  /**
   * Resolves to an access token that the plugin refuses. `spoiltTokenCodes` has the kinds and their codes.
   * @throws as {@link as}
   */
  spoiltToken(kind: SpoiltKind, terms?: SpoiltTerms): Promise<string>
}

/**
 * For the tests of applications. Users are signed in by the plugin as the application registered it, so tokens are
 * signed, checked, refreshed and revoked exactly as in production: no check is skipped.
 * ```ts
 * import { createTestAuth } from 'fastify-authenticate/testing'
 *
 * const auth = createTestAuth()
 * await app.register(authenticate, { issuer, secret, ...auth.options })
 * await app.inject({ url: '/me', headers: await auth.as('alice') })
 * auth.clock.advance(601)
 * await auth.signOut('alice')
 * ```
 * @throws Error if `NODE_ENV` is `production`
 */
export function createTestAuth(given: TestAuthOptions = {}): TestAuth {
  assertNotProduction()
  assertKnown(given, ['clock', 'store'])
  const { store: createStore = memoryStore } = given
  const clock = createTestClock(given.clock)
  const events: AuthEvent[] = []
  const registrations = createRegistrations()
  const issuers = createTestIssuers(clock.now)
  const spoil = createSpoiltTokens(clock.now)
  const store = attachTestKit(storeOf(createStore, clock.now), {
    add: registrations.add,
    issuer: 'https://tested-app.example',
    record: (onEvent) => (event) => {
      events.push(event)
      return onEvent(event)
    }
  })

  async function signInAs(sub: string, terms: ReadTerms = {}): Promise<TestSession> {
    checkTerms(terms, ['transport', 'crossSite'])
    const registration = await registrations.choose(terms)
    const tokens = await signIn(registration, { sub, terms })
    const { accessToken, refreshToken, sessionId } = tokens
    const headers = headersOf(tokens, { ...registration.settings, terms })
    return { headers, accessToken, refreshToken, sessionId }
  }

  return {
    options: Object.freeze({ clock: clock.now, secret: randomBytes(32).toString('base64url'), store }),
    clock,
    events,
    as(sub, ...[terms]) {
      const headers = signInAs(sub, terms as ReadTerms).then((session) => session.headers)
      return mustBeAwaited(headers, { name: 'as', members: ['authorization', 'cookie'] })
    },

    signIn(sub, ...[terms]) {
      const members = ['headers', 'accessToken', 'refreshToken', 'sessionId']
      return mustBeAwaited(signInAs(sub, terms as ReadTerms), { name: 'signIn', members })
    },

    async storageState(sub, { url, ...terms } = {} as never) {
      checkTerms(terms, ['persistent'])
      const registration = await registrations.choose(terms)
      const cookies = cookiesFor(url, registration.settings)
      const tokens = await signIn(registration, { sub, terms: { ...(terms as ReadTerms), transport: 'cookie' } })
      return storageStateOf(tokens, cookies)
    },

    async signOut(sub) {
      let ended = 0
      for (const { app } of registrations.all()) ended += await app.sessions.revokeAll(sub)
      await registrations.wake()
      return ended
    },

    issuer: issuers.of,

    async spoiltToken(kind, { sub = 'mallory', ...terms } = {}) {
      checkKind(kind)
      checkTerms(terms, [])
      const token = await spoil(await registrations.choose(terms), { kind, sub, terms })
      if (kind === 'revoked') await registrations.wake()
      return token
    }
  }
}

/** @throws TypeError unless it is a function that creates a store */
function storeOf(createStore: NonNullable<TestAuthOptions['store']>, clock: () => number): SessionStore {
  const store = typeof createStore === 'function' ? createStore({ clock }) : undefined
  if (typeof store?.rotate === 'function') return store
  throw new TypeError('"store" must be a function that returns a SessionStore')
}

export { spoiltTokenCodes, type SpoiltKind } from './testing/spoilt-token.ts'
export type { TestClock } from './testing/clock.ts'
export type { TestIssuer } from './testing/issuer.ts'
export type { StorageState } from './testing/storage-state.ts'
export type { SignInTerms, TestedApp } from './testing/terms.ts'
