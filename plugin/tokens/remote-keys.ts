import type { JsonWebKey } from 'node:crypto'
import { createRemoteJWKSet, customFetch } from 'jose'
import { refusal } from '../errors.ts'

/** Between two fetches: what an unknown `kid` may cause, and how soon a failed fetch is tried again. */
const cooldownMs = 30_000
const failureCooldownMs = 5000
/** A younger set serves as it is; an older one while it is fetched anew, up to this age: then it is waited for. */
const freshMs = 3 * 60_000
const staleMs = 5 * 60_000
/** Where a fetch has just failed, requests go on with the set at hand and do not wait for the next. */
const outageMs = 60_000
/** A set that could not be fetched anew for so long has nothing to say any more. */
const lastMs = 24 * 60 * 60_000
const maxBytes = 512 * 1024

export type PublishedKey = JsonWebKey & { readonly kid?: unknown; readonly alg?: unknown }

/** Another issuer's published keys (RFC 7517 §5). */
export interface RemoteKeys {
  /**
   * The keys at hand, fetched when there are none; `anew` asks for a set that is newer than the one at hand, and gets
   * one once a cooldown. Concurrent calls share one fetch.
   * @throws AuthError AUTH_KEYS_UNAVAILABLE when there are none to be had
   */
  get(options?: { anew: boolean }): Promise<readonly PublishedKey[]>
}

export interface RemoteTiming {
  readonly monotonic?: (() => number) | undefined
  /** No request waits longer for another's key set, discovery included. */
  readonly timeoutMs?: number | undefined
}

/**
 * Fetches with `jose`, which follows no redirect and takes nothing but a JWK Set. What is added here: discovery
 * (OpenID Connect Discovery 1.0 §4), one deadline for both fetches, a bound on the size, a cooldown for failures too,
 * and serving what is at hand while a newer set is fetched or cannot be.
 */
export function createRemoteKeys({
  issuer,
  jwksUri,
  monotonic = () => performance.now(),
  timeoutMs = 3000
}: RemoteTiming & {
  readonly issuer: string
  readonly jwksUri: string | undefined
}): RemoteKeys {
  let remote: ReturnType<typeof createRemoteJWKSet> | undefined
  let deadline: AbortSignal
  let keys: readonly PublishedKey[] = []
  let fetchedAt = -Infinity
  let failedAt = -Infinity
  let pending: Promise<void> | undefined

  async function fetchKeys(): Promise<void> {
    deadline = AbortSignal.timeout(timeoutMs)
    try {
      remote ??= createRemoteJWKSet(new URL(jwksUri ?? (await discover(issuer, deadline))), {
        timeoutDuration: timeoutMs,
        [customFetch]: (url: string, init: RequestInit) => fetchBounded(url, { ...init, signal: deadline })
      })
      await remote.reload()
      keys = remote.jwks()?.keys as PublishedKey[]
      fetchedAt = monotonic()
    } catch (error) {
      // Discovered keys may have moved: the next attempt asks where they are.
      if (jwksUri === undefined) remote = undefined
      failedAt = monotonic()
      throw refusal('AUTH_KEYS_UNAVAILABLE', `the keys of ${issuer} cannot be fetched: ${describe(error)}`, {
        cause: error
      })
    }
  }

  async function fetchOnce(): Promise<void> {
    if (pending === undefined && monotonic() - failedAt < failureCooldownMs) {
      throw refusal('AUTH_KEYS_UNAVAILABLE', `the keys of ${issuer} could not be fetched a moment ago`)
    }
    pending ??= fetchKeys().finally(() => {
      pending = undefined
    })
    await pending
  }

  return {
    async get({ anew } = { anew: false }) {
      const now = monotonic()
      const age = now - fetchedAt
      if (anew) {
        // Where nobody answers, nobody knows whether there is such a key: that is no reason to call a token wrong.
        if (age >= cooldownMs) await fetchOnce()
      } else if (age >= freshMs) {
        const fetching = fetchOnce()
        const mayServe = age < staleMs || (age < lastMs && now - failedAt < outageMs)
        if (mayServe) fetching.catch(() => {})
        else {
          await fetching.catch((error: unknown) => {
            if (age >= lastMs) throw error
          })
        }
      }
      return keys
    }
  }
}

/** @throws when the document is not the issuer's own */
async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const response = await fetchBounded(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } })
  const document = (await response.json().catch(() => null)) as { issuer?: unknown; jwks_uri?: unknown } | null
  if (document?.issuer !== issuer) throw new Error("its discovery document is no JSON, or another issuer's")
  const { jwks_uri: uri } = document
  // Only who is on this machine itself may send us to it.
  const isSafe = typeof uri === 'string' && isSafeUrl(uri) && (uri.startsWith('https:') || issuer.startsWith('http:'))
  if (!isSafe) throw new Error('its jwks_uri is no https URL')
  return uri
}

/** Keys that came over plain http could be anybody's. */
export function isSafeUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password } = new URL(url)
  // `fetch` refuses credentials in a URL, and quotes them.
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname))
}

async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${response.status} was answered`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`its answer is over ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks))
}

/** `fetch` says of everything that it failed, and why one level below. */
function describe(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: NodeJS.ErrnoException }
  return /Timeout/.test(name) ? 'it took too long' : cause?.code ? `${message} (${cause.code})` : message
}
