import type { FastifyInstance } from 'fastify'
import type { AuthEvent } from '../events.ts'
import { optionError } from '../options/option-error.ts'
import type { Settings } from '../options/options.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { StartSession } from '../sessions/session-start.ts'
import type { SessionStore } from '../stores/session-store.ts'
import type { KeySource } from '../tokens/key-source.ts'
import type { SessionCookies } from './session-cookies.ts'

/** What the testing kit uses of a registration: it signs in and out by the same functions as the routes do. */
export interface Registration {
  readonly app: FastifyInstance
  readonly settings: Pick<Settings, 'issuer' | 'audience' | 'cookies' | 'clock'>
  readonly keys: Pick<KeySource, 'current' | 'loadSigner'>
  readonly startSession: StartSession
  readonly revocations: Pick<Revocations, 'reads'>
  /** `null` if the application uses no cookies. */
  readonly sessionCookies: Pick<SessionCookies, 'assertFits'> | null
}

/** What `fastify-authenticate/testing` attaches to its store, so that it learns where the store is in use. */
export interface TestKit {
  /** Records the events as well. */
  record(onEvent: (event: AuthEvent) => unknown): (event: AuthEvent) => unknown
  add(registration: Registration): void
  /** The issuer of an application that does not have one. */
  readonly issuer: string
}

// In the registry of symbols, because a test runner may load the plugin and the kit more than once.
const testKit = Symbol.for('fastify-authenticate.testing')

/** @throws Error in production */
export function assertNotProduction(): void {
  if (isProduction()) throw new Error('createTestAuth() must not be called when NODE_ENV is "production"')
}

/** A store that does what the given one does, and has a kit. */
export function attachTestKit(store: SessionStore, kit: TestKit): SessionStore {
  return Object.assign(boundMethods(store), { [testKit]: kit })
}

/** Each method runs on its object, which may be an instance of a class. */
function boundMethods<T extends object>(object: T): T {
  const bound: Record<string, unknown> = {}
  // Not `Object.prototype`: a test runner may have several.
  for (let level: object = object; Object.getPrototypeOf(level) !== null; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) {
      const method = Reflect.get(object, name)
      if (typeof method === 'function' && name !== 'constructor') bound[name] ??= method.bind(object)
    }
  }
  return bound as T
}

/**
 * The kit of this store; `null` for any other store.
 * @throws TypeError in production
 */
export function testKitOf(store: SessionStore | undefined): TestKit | null {
  const kit = (store as { readonly [testKit]?: TestKit } | undefined | null)?.[testKit]
  if (kit === undefined) return null
  if (isProduction()) {
    throw optionError('store', 'must not be the store of createTestAuth() when NODE_ENV is "production"')
  }
  return kit
}

function isProduction(): boolean {
  return process.env.NODE_ENV === 'production'
}
