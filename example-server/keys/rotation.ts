import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

/** How long a key is published before it signs, in ms: the JWKS route's max-age, plus 300 s for a node that polls. */
const publishedMs = 600_000
/** How long a key verifies after it has signed, in ms: the longest lifetime of a token, plus the time above. */
const keptMs = 86_400_000 + publishedMs

const states = ['next', 'active', 'previous'] as const
export type KeyState = (typeof states)[number]

export function isKeyState(state: unknown): state is KeyState {
  return (states as readonly unknown[]).includes(state)
}

export interface KeptKey {
  readonly state: KeyState
  /** When the key entered this state, ISO 8601. */
  readonly since: string
  /** PEM; of a previous key only the public half. */
  readonly key: string
}

export interface Rotation {
  /** The keys after the step; `null` if nothing changed. */
  readonly keys: KeptKey[] | null
  /** One line for each thing that was done, or that has to wait. */
  readonly done: string[]
}

/**
 * Takes the step that is due: the next key becomes active, the active key becomes previous (it only verifies), a new
 * next key is published, and previous keys without valid tokens are removed.
 */
export function rotate(keys: readonly KeptKey[], now: number): Rotation {
  const done: string[] = []
  const age = ({ since }: KeptKey) => now - Date.parse(since)
  const since = new Date(now).toISOString()
  const kept = keys.filter((key) => key.state !== 'previous' || age(key) < keptMs)
  const removed = keys.length - kept.length
  if (removed > 0) {
    done.push(`removed ${removed} previous ${removed === 1 ? 'key' : 'keys'}, whose tokens have expired`)
  }

  const next = kept.find(({ state }) => state === 'next')
  if (next === undefined) {
    done.push('published a next key')
    return { keys: [...kept, newKey('next', now)], done }
  }
  if (age(next) < publishedMs) {
    const usableAt = new Date(Date.parse(next.since) + publishedMs).toISOString()
    done.push(`the next key becomes usable at ${usableAt}; run this again then`)
    return { keys: removed > 0 ? kept : null, done }
  }
  done.push('the next key is active now; the former active key only verifies', 'published a new next key')
  const moved = kept.map((key): KeptKey => {
    if (key.state === 'next') return { ...key, state: 'active', since }
    if (key.state === 'active') return { state: 'previous', since, key: toPem(createPublicKey(key.key)) }
    return key
  })
  return { keys: [...moved, newKey('next', now)], done }
}

/** The keys of a new server. */
export function firstKeys(now: number): KeptKey[] {
  return [newKey('active', now), newKey('next', now)]
}

function newKey(state: KeyState, now: number): KeptKey {
  return { state, since: new Date(now).toISOString(), key: toPem(generateKeyPairSync('ed25519').privateKey) }
}

function toPem(key: KeyObject): string {
  return key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }) as string
}
