import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { closeSync, mkdirSync, openSync, unlinkSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyOption } from '../plugin/index.ts'
import { keep, replace } from './secrets.ts'

/** A key before it signs: the JWKS route's max-age, and as long again for a node that only looks every 300 s. */
const publishedMs = 600_000
/** A key after it has signed: the longest that any token lives, and as long again as above. */
const keptMs = 86_400_000 + publishedMs

export interface KeptKey {
  readonly state: 'next' | 'active' | 'previous'
  /** Since when it is in this state, ISO 8601. */
  readonly since: string
  /** PEM: of a previous key the public half only. */
  readonly key: string
}

// One file for all keys, so that a step changes all their states at once.
const folderOf = (dataDir: string) => join(dataDir, 'keys')
const fileOf = (dataDir: string) => join(folderOf(dataDir), 'keys.json')

/** For the option `keys`. Only the start makes keys: a file that is missing later has been lost, and the keys in force stay. */
export function keysIn(dataDir: string): () => Promise<KeyOption[]> {
  makeFirst(dataDir)
  return async () => (await readKeys(dataDir)).map(({ key, state }) => ({ key, state }))
}

export async function readKeys(dataDir: string): Promise<KeptKey[]> {
  return parse(await readFile(fileOf(dataDir), 'utf8'))
}

/** Asks for the keys anew when their file is replaced, and on SIGHUP. Returns what ends it. */
export function followKeys(dataDir: string, reload: () => unknown): () => void {
  const onChange = () => {
    reload()
  }
  const watcher = watch(folderOf(dataDir), { persistent: false }, (_event, name) => {
    if (name === null || name === 'keys.json') onChange()
  })
  // A folder that cannot be watched any more is still read every `keysReloadSeconds`.
  watcher.on('error', () => watcher.close())
  process.on('SIGHUP', onChange)
  return () => {
    watcher.close()
    process.off('SIGHUP', onChange)
  }
}

/**
 * Takes the step that is due: the next key signs, the active one only verifies, a new next one is published, and what
 * nobody can need any more goes. Returns what was done, a line each.
 * @throws Error when another rotation is under way
 */
export async function rotateKeys(dataDir: string, now = Date.now()): Promise<string[]> {
  makeFirst(dataDir, now)
  const unlock = lock(join(folderOf(dataDir), 'keys.lock'))
  try {
    const { keys, done } = rotate(await readKeys(dataDir), now)
    if (keys !== null) replace(fileOf(dataDir), serialize(keys))
    return done
  } finally {
    unlock()
  }
}

/** The list after the step that is due; `null` for none. */
export function rotate(keys: readonly KeptKey[], now: number): { keys: KeptKey[] | null; done: string[] } {
  const done: string[] = []
  const age = ({ since }: KeptKey) => now - Date.parse(since)
  const since = new Date(now).toISOString()
  const kept = keys.filter((key) => key.state !== 'previous' || age(key) < keptMs)
  if (kept.length < keys.length) {
    done.push(`removed ${keys.length - kept.length} previous: no token of theirs is valid any more`)
  }

  const next = kept.find(({ state }) => state === 'next')
  if (next === undefined) {
    done.push('published a next key')
    return { keys: [...kept, newKey('next', now)], done }
  }
  if (age(next) < publishedMs) {
    done.push(
      `the next key may sign from ${new Date(Date.parse(next.since) + publishedMs).toISOString()}, when everybody knows it: run this again then`
    )
    return { keys: kept.length < keys.length ? kept : null, done }
  }
  done.push('the next key signs, the active one only verifies from now on', 'published a new next key')
  const moved = kept.map((key): KeptKey => {
    if (key.state === 'next') return { ...key, state: 'active', since }
    if (key.state === 'active') return { state: 'previous', since, key: pemOf(createPublicKey(key.key)) }
    return key
  })
  return { keys: [...moved, newKey('next', now)], done }
}

function makeFirst(dataDir: string, now = Date.now()): void {
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 })
  keep(fileOf(dataDir), () => serialize([newKey('active', now), newKey('next', now)]))
}

function newKey(state: KeptKey['state'], now: number): KeptKey {
  return { state, since: new Date(now).toISOString(), key: pemOf(generateKeyPairSync('ed25519').privateKey) }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }) as string
}

function serialize(keys: readonly KeptKey[]): string {
  return `${JSON.stringify(keys, null, 2)}\n`
}

/** Node's own words would quote the file. */
function parse(text: string): KeptKey[] {
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError('keys.json is no JSON')
  }
}

function lock(path: string): () => void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`another rotation is under way: if it has died, remove ${path}`)
  }
  return () => unlinkSync(path)
}
