import { closeSync, existsSync, openSync, unlinkSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyOption } from 'fastify-authenticate'
import { keepFile, replaceFile } from '../files/atomic-file.ts'
import { makeFolder } from '../files/folder.ts'
import { firstKeys, isKeyState, rotate, type KeptKey } from './rotation.ts'

// One file for all keys, so that a rotation changes all their states in one step.
export const keysFileIn = (folder: string) => join(folder, 'keys.json')

/**
 * The plugin's option `keys`. Creates the keys only now, at the start: if the file is missing later, it was lost, the
 * reload fails, and the current keys stay in use.
 */
export function keysIn(folder: string): () => Promise<KeyOption[]> {
  createKeys(folder, Date.now())
  return async () => (await readKeys(folder)).map(({ key, state }) => ({ key, state }))
}

export async function readKeys(folder: string): Promise<KeptKey[]> {
  const path = keysFileIn(folder)
  const keys = parse(await readFile(path, 'utf8'))
  if (Array.isArray(keys) && keys.every(isKeptKey)) return keys
  throw new Error(`${path} must be a JSON list of keys with "key", "state" and "since": npm run keys:rotate creates it`)
}

/** Reloads the keys when their file is replaced, and on SIGHUP. Returns a function that stops this. */
export function followKeys(folder: string, reload: () => unknown): () => void {
  const onChange = () => {
    reload()
  }
  const watcher = watch(folder, { persistent: false }, (_event, name) => {
    if (name === null || name === 'keys.json') onChange()
  })
  // If the folder can no longer be watched, the plugin still reloads every `keysReloadSeconds`.
  watcher.on('error', () => watcher.close())
  process.on('SIGHUP', onChange)
  return () => {
    watcher.close()
    process.off('SIGHUP', onChange)
  }
}

/**
 * Takes the step that is due (see `rotate()`), or creates the keys. Returns what was done, a line each.
 * @throws Error while another rotation is running
 */
export async function rotateKeys(folder: string, now = Date.now()): Promise<string[]> {
  if (!existsSync(keysFileIn(folder))) {
    createKeys(folder, now)
    return [`created ${keysFileIn(folder)} with an active key, which signs, and a next key`]
  }
  const unlock = lock(join(folder, 'keys.lock'))
  try {
    const { keys, done } = rotate(await readKeys(folder), now)
    if (keys !== null) replaceFile(keysFileIn(folder), serialize(keys))
    return done
  } finally {
    unlock()
  }
}

function createKeys(folder: string, now: number): void {
  makeFolder(folder)
  keepFile(keysFileIn(folder), () => serialize(firstKeys(now)))
}

function serialize(keys: readonly KeptKey[]): string {
  return `${JSON.stringify(keys, null, 2)}\n`
}

/** The message of `JSON.parse()` would quote the file, and so a private key. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The plugin checks the key itself. */
function isKeptKey(entry: unknown): entry is KeptKey {
  const { key, state, since } = Object(entry) as Partial<Record<keyof KeptKey, unknown>>
  const isDate = typeof since === 'string' && !Number.isNaN(Date.parse(since))
  return typeof key === 'string' && isKeyState(state) && isDate
}

function lock(path: string): () => void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Error(`another rotation is running; if it has crashed, remove ${path}`)
  }
  return () => unlinkSync(path)
}
