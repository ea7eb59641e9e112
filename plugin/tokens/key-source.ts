import { withTimeout } from '../timeout.ts'
import type { Emit } from '../events.ts'
import { checkKeyList, type KeyOption, type KeysOptions } from '../options/keys.ts'
import { optionError } from '../options/option-error.ts'
import type { Settings } from '../options/options.ts'
import type { Key } from './key.ts'
import { createKeyring, type Keyring } from './keyring.ts'

/** Between two reloads that unknown `kid`s may cause. */
const cooldownMs = 30_000

export type KeySource = Awaited<ReturnType<typeof createKeySource>>

/**
 * The keys in force, and how they come to be others: by the clock, by `app.keys.reload()`, or because a token names a
 * `kid` that is not known yet. A list that is refused leaves the keys in force as they were.
 * @param parts.timeoutMs how long the application's function may take
 * @throws TypeError that names the option, or what the application's function throws: only at the start
 */
export async function createKeySource({
  keys: option = [],
  secrets,
  settings,
  emit,
  monotonic = () => performance.now(),
  timeoutMs = 5000
}: {
  keys: KeysOptions['keys']
  secrets: readonly Buffer[]
  settings: Pick<Settings, 'accessToken' | 'keysReloadSeconds'>
  emit: Emit
  monotonic?: (() => number) | undefined
  timeoutMs?: number | undefined
}) {
  const {
    accessToken: { types },
    keysReloadSeconds
  } = settings
  const timeoutError = () => optionError('keys', `gave no list within ${timeoutMs} ms`)
  const load =
    typeof option === 'function'
      ? async () => checkKeyList(await withTimeout(option, { ms: timeoutMs, timeoutError }))
      : null
  let keyring = await build(typeof option === 'function' ? await load!() : option)
  let lookedAt = -Infinity
  let hasFailed = false
  let running: Promise<boolean> | undefined
  let queued: Promise<boolean> | undefined
  const forgetters: (() => void)[] = []
  const timer =
    load &&
    setInterval(() => {
      reload()
    }, keysReloadSeconds * 1000).unref()

  function build(keys: readonly KeyOption[]): Promise<Keyring> {
    return createKeyring(keys, secrets, types?.[0] ?? 'at+jwt')
  }

  /**
   * Resolves to whether the list was taken; never rejects. A load that runs already may have read what the caller has
   * just changed before it did: all calls that come meanwhile share the one after it.
   */
  function reload(): Promise<boolean> {
    if (running === undefined) return start()
    queued ??= running.then(() => {
      queued = undefined
      return start()
    })
    return queued
  }

  function start(): Promise<boolean> {
    running = swap().finally(() => {
      running = undefined
    })
    return running
  }

  async function swap(): Promise<boolean> {
    if (load === null) return true
    try {
      const next = await build(await load())
      const retires = !keyring.keys.every((key) => next.keys.some((other) => isSame(key, other)))
      keyring = next
      hasFailed = false
      if (retires) for (const forget of forgetters) forget()
    } catch (error) {
      hasFailed = true
      emit({ type: 'keys-not-reloaded', reason: reasonOf(error) })
      return false
    }
    emit({ type: 'keys-reloaded', kids: keyring.kids })
    return true
  }

  return {
    current: (): Keyring => keyring,
    reload,
    /** Whether there are public keys to publish, or may come to be. */
    hasPublicKeys: (): boolean => load !== null || keyring.jwks().keys.length > 0,
    /** Looks for a key that a token names, or waits for a look that is under way; true when it brought a list. */
    async reloadForUnknownKid(): Promise<boolean> {
      if (load === null) return false
      if (running !== undefined) return await running
      if (monotonic() - lookedAt < cooldownMs) return false
      lookedAt = monotonic()
      return await reload()
    },
    /** Whether the last load failed: then a key that is not known here may exist all the same. */
    hasFailed: (): boolean => hasFailed,
    /** Calls back when a key has gone: what was verified with it must be forgotten. */
    onRetire: (forget: () => void): void => {
      forgetters.push(forget)
    },
    close: (): void => {
      if (timer) clearInterval(timer)
    }
  }
}

/** A `kid` that came to mean another key is another key. */
function isSame(one: Key, other: Key): boolean {
  const sameSecret =
    one.secret === null ? other.secret === null : other.secret !== null && one.secret.equals(other.secret)
  return one.kid === other.kid && one.alg === other.alg && one.publicPem === other.publicPem && sameSecret
}

const ours = /^Cannot register fastify-authenticate: /

/** Our words show no key; an application's error may quote what it has read, so that of it only the kind is told. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the function threw something that is no Error'
  if (error instanceof TypeError && ours.test(error.message)) return error.message.replace(ours, '')
  const { code } = error as NodeJS.ErrnoException
  const known = typeof code === 'string' && /^[A-Z][A-Z\d_]{1,40}$/.test(code)
  return `the function threw ${error.constructor.name}${known ? ` (${code})` : ''}`
}
