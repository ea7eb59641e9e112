import { randomBytes } from 'node:crypto'
import type { AuthEvent } from './events.ts'
import { attachTestKit } from './http/test-kit.ts'
import type { AuthenticateOptions } from './index.ts'
import { memoryStore } from './stores/memory.ts'
import { createTestClock, standingStill, type TestClock } from './testing/clock.ts'
import { headersOf } from './testing/headers.ts'
import { createTestIssuer, type TestIssuer } from './testing/issuer.ts'
import { createRegistrations } from './testing/registrations.ts'
import { checkTerms, signIn, type ReadTerms } from './testing/sign-in.ts'
import { checkKind, createSpoiltTokens } from './testing/spoilt-token.ts'
import { storageStateOf, type StorageState } from './testing/storage-state.ts'
import type { SignInArguments, SpoiltKind, SpoiltTerms } from './testing/terms.ts'

/** A session that a test has started. */
export interface TestSession {
  /** What a client sends: for `inject`, supertest and `fetch`. */
  readonly headers: Record<string, string>
  readonly accessToken: string
  readonly refreshToken: string
  readonly sessionId: string
  /**
   * The session's cookies for Playwright's `browser.newContext({ storageState })`.
   * @param url where the browser finds the application, such as `http://localhost:3000`
   * @throws TypeError unless the session's transport is `cookie`
   */
  storageState(url: string | URL): StorageState
}

export interface TestAuthOptions {
  /**
   * The time that passes by itself, in milliseconds since the epoch: `() => Date.now()` for a server that runs for
   * long. Default: none. The clock stands still at the current time, and only `clock.advance()` moves it.
   */
  readonly clock?: (() => number) | undefined
}

export interface TestAuth {
  /**
   * Spread them last into the options of the plugin: a clock, a random secret, and a memory store. Everything else
   * stays the application's.
   */
  readonly options: Readonly<Required<Pick<AuthenticateOptions, 'clock' | 'secret' | 'store'>>>
  readonly clock: TestClock
  /** What happened in the applications that are registered with {@link options}. `events.length = 0` empties it. */
  readonly events: AuthEvent[]
  /** Signs a user in. Resolves to the headers of a client that is signed in. */
  as(sub: string, ...given: SignInArguments): Promise<Record<string, string>>
  /** As {@link as}, and resolves to the session with its tokens. */
  signIn(sub: string, ...given: SignInArguments): Promise<TestSession>
  /** Ends all sessions of a user, in every application that is open. Resolves to how many sessions it ended. */
  signOut(sub: string): Promise<number>
  /** An identity provider that exists only in the test. The same for the same URL. */
  issuer(url: string, options?: { readonly algorithm?: string | undefined }): TestIssuer
  /** An access token that the plugin refuses. */
  spoiltToken(kind: SpoiltKind, terms?: SpoiltTerms): Promise<string>
}

/**
 * Creates what a test needs of `fastify-authenticate`.
 * @throws Error if `NODE_ENV` is `production`
 */
export function createTestAuth({ clock: follow = standingStill() }: TestAuthOptions = {}): TestAuth {
  if (process.env.NODE_ENV === 'production') {
    throw new Error('createTestAuth() is for tests: it must not be called when NODE_ENV is "production"')
  }
  const clock = createTestClock(follow)
  const events: AuthEvent[] = []
  const registrations = createRegistrations()
  const issuers = new Map<string, TestIssuer>()
  const spoil = createSpoiltTokens(clock.now)
  const store = attachTestKit(memoryStore({ clock: clock.now }), {
    add: registrations.add,
    record: (onEvent) => (event) => {
      events.push(event)
      return onEvent(event)
    }
  })

  async function startSession(sub: string, ...[terms = {}]: [terms?: ReadTerms]): Promise<TestSession> {
    checkTerms(terms)
    const registration = await registrations.choose(terms)
    const tokens = await signIn(registration, { sub, terms })
    const { cookies } = registration.settings
    const { accessToken, refreshToken, sessionId } = tokens
    return {
      headers: headersOf(tokens, { cookies, terms }),
      accessToken,
      refreshToken,
      sessionId,
      storageState(url) {
        if (terms.transport !== 'cookie') throw new TypeError('storageState() requires transport "cookie"')
        return storageStateOf(tokens, { cookies: cookies!, url })
      }
    }
  }

  return {
    options: Object.freeze({ clock: clock.now, secret: randomBytes(32).toString('base64url'), store }),
    clock,
    events,
    signIn: startSession as TestAuth['signIn'],
    as: async (sub, ...given) => (await startSession(sub, ...(given as [ReadTerms?]))).headers,
    async signOut(sub) {
      let ended = 0
      for (const { sessions } of registrations.all()) ended += await sessions.revokeAll(sub, { except: null })
      await Promise.all(registrations.all().map(({ revocations }) => revocations.wake()))
      return ended
    },
    issuer(url, { algorithm = 'ES256' } = {}) {
      const issuer = issuers.get(url) ?? createTestIssuer(url, { algorithm, now: clock.now })
      issuers.set(url, issuer)
      return issuer
    },
    async spoiltToken(kind, { sub = 'alice', ...terms } = {}) {
      checkKind(kind)
      checkTerms(terms)
      return await spoil(await registrations.choose(terms), { kind, sub, terms })
    }
  }
}

export type { TestClock } from './testing/clock.ts'
export type { TestIssuer } from './testing/issuer.ts'
export type { StorageState } from './testing/storage-state.ts'
export type { SignInTerms, SpoiltKind, SpoiltTerms, TestedApp } from './testing/terms.ts'
