import type { Emit } from '../events.ts'
import { checkKeyList, type KeysOptions } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import { withTimeout } from '../timeout.ts'
import { isSameKey } from './key.ts'
import { createKeyring, type Keyring } from './keyring.ts'
import { reasonOf } from './thrown.ts'

/** The least time between two reloads that unknown `kid`s cause. */
const cooldownMs = 30_000

export interface KeySourceParts {
  /** The option `keys`: a list, or the function that returns one. */
  readonly keys: KeysOptions['keys']
  readonly secrets: readonly Buffer[]
  readonly keysReloadSeconds: number
  /** The option `accessToken.type` as a list; the first entry is the `typ` of the tokens that are signed. */
  readonly types: readonly string[] | null
  readonly emit: Emit
  /** Milliseconds of a clock that never goes back. Default: `performance.now()`. */
  readonly monotonic?: (() => number) | undefined
  /** How long the application's function may take. Default 5000. */
  readonly timeoutMs?: number | undefined
}

/**
 * Loads the first keys.
 * @throws TypeError that names the option, or whatever the application's function throws
 */
export async function createKeySource({
  keys = [],
  secrets,
  types,
  timeoutMs = 5000,
  ...rest
}: KeySourceParts): Promise<KeySource> {
  const type = types?.[0] ?? 'at+jwt'
  if (typeof keys !== 'function') {
    return new KeySource({ ...rest, keyring: createKeyring({ keys, secrets, type }), load: null })
  }
  const timeoutError = () => optionError('keys', `did not return a list within ${timeoutMs} ms`)
  const load = async () => {
    const list = checkKeyList(await withTimeout(() => keys(), { ms: timeoutMs, timeoutError }))
    return createKeyring({ keys: list, secrets, type })
  }
  return new KeySource({ ...rest, keyring: await load(), load })
}

/**
 * The keys in use. If `keys` is a function, they are reloaded on a timer, by `app.keys.reload()`, and when a token
 * names an unknown `kid`. If a reload fails, the current keys stay in use.
 */
export class KeySource {
  readonly #load: (() => Promise<Keyring>) | null
  readonly #emit: Emit
  readonly #monotonic: () => number
  readonly #timer: NodeJS.Timeout | null
  readonly #retireListeners: (() => void)[] = []
  #keyring: Keyring
  #signs = false
  #hasFailed = false
  #lastReloadForKidAt = -Infinity
  #running: Promise<boolean> | undefined
  #queued: Promise<boolean> | undefined

  /** @param parts.load loads the keys again; `null` if they never change */
  constructor({
    keyring,
    load,
    keysReloadSeconds,
    emit,
    monotonic = () => performance.now()
  }: Pick<KeySourceParts, 'keysReloadSeconds' | 'emit' | 'monotonic'> & {
    readonly keyring: Keyring
    readonly load: (() => Promise<Keyring>) | null
  }) {
    this.#keyring = keyring
    this.#load = load
    this.#emit = emit
    this.#monotonic = monotonic
    this.#timer = load && setInterval(() => this.reload(), keysReloadSeconds * 1000).unref()
  }

  current(): Keyring {
    return this.#keyring
  }

  /**
   * Loads what the active key signs with, before the first token is signed. From then on, reloaded keys are in use only
   * when they can sign.
   * @throws Error if it cannot be loaded
   */
  loadSigner(): Promise<void> | undefined {
    this.#signs = true
    return this.#keyring.active.load()
  }

  /** Whether there are public keys to publish, now or after a reload. */
  hasPublicKeys(): boolean {
    return this.#load !== null || this.#keyring.jwks().keys.length > 0
  }

  /** Whether the last load failed. If so, keys may exist that are not known here. */
  hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Calls back when a key has been removed: the tokens that it verified must not be remembered. */
  onRetire(listener: () => void): void {
    this.#retireListeners.push(listener)
  }

  /**
   * Calls the function `keys` immediately, for example after a key was revoked. Resolves to whether its list is now in
   * use; false without such a function, or if it failed (event `keys-reload-failed`). Never rejects. A load in progress
   * may have begun before the caller's change, so callers that arrive meanwhile share the next one.
   * ```ts
   * const isInUse = await app.keys.reload()
   * ```
   */
  reload(): Promise<boolean> {
    // When a load ends, its callers may get here before the queued load begins.
    if (this.#queued !== undefined) return this.#queued
    if (this.#running === undefined) return this.#start()
    this.#queued = this.#running.then(() => {
      this.#queued = undefined
      return this.#start()
    })
    return this.#queued
  }

  /** Reloads because a token names an unknown key, at most once per cooldown, or waits for the reload in flight. */
  async reloadForUnknownKid(): Promise<void> {
    if (this.#running === undefined) {
      const now = this.#monotonic()
      if (now - this.#lastReloadForKidAt < cooldownMs) return
      this.#lastReloadForKidAt = now
    }
    await (this.#running ?? this.reload())
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer)
  }

  #start(): Promise<boolean> {
    this.#running = this.#replace().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #replace(): Promise<boolean> {
    if (this.#load === null) return true
    try {
      const next = await this.#load()
      if (this.#signs) await next.active.load()
      const retires = !this.#keyring.keys.every((key) => next.keys.some((other) => isSameKey(key, other)))
      this.#keyring = next
      this.#hasFailed = false
      if (retires) for (const listener of this.#retireListeners) listener()
    } catch (error) {
      this.#hasFailed = true
      this.#emit({ type: 'keys-reload-failed', reason: reasonOf(error) })
      return false
    }
    this.#emit({ type: 'keys-reloaded', kids: this.#keyring.kids })
    return true
  }
}
