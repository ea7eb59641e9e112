import { closeSync, mkdirSync, openSync, unlinkSync, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeyOption } from '../../plugin/index.ts'
import { keepFile, replaceFile } from '../atomic-file.ts'
import { firstKeys, rotate, type KeptKey } from './rotation.ts'

// One file for all keys, so that a rotation changes all their states in one step.
const folderOf = (dataDir: string) => join(dataDir, 'keys')
const fileOf = (dataDir: string) => join(folderOf(dataDir), 'keys.json')

/**
 * The plugin's option `keys`. Creates the keys only now, at the start: if the file is missing later, it was lost, the
 * reload fails, and the current keys stay in use.
 */
export function keysIn(dataDir: string): () => Promise<KeyOption[]> {
  createKeys(dataDir, Date.now())
  return async () => (await readKeys(dataDir)).map(({ key, state }) => ({ key, state }))
}

export async function readKeys(dataDir: string): Promise<KeptKey[]> {
  return parse(await readFile(fileOf(dataDir), 'utf8'))
}

/** Reloads the keys when their file is replaced, and on SIGHUP. Returns a function that stops this. */
export function followKeys(dataDir: string, reload: () => unknown): () => void {
  const onChange = () => {
    reload()
  }
  const watcher = watch(folderOf(dataDir), { persistent: false }, (_event, name) => {
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
 * Takes the step that is due (see `rotate()`). Returns what was done, a line each.
 * @throws Error while another rotation is running
 */
export async function rotateKeys(dataDir: string, now = Date.now()): Promise<string[]> {
  createKeys(dataDir, now)
  const unlock = lock(join(folderOf(dataDir), 'keys.lock'))
  try {
    const { keys, done } = rotate(await readKeys(dataDir), now)
    if (keys !== null) replaceFile(fileOf(dataDir), serialize(keys))
    return done
  } finally {
    unlock()
  }
}

function createKeys(dataDir: string, now: number): void {
  mkdirSync(folderOf(dataDir), { recursive: true, mode: 0o700 })
  keepFile(fileOf(dataDir), () => serialize(firstKeys(now)))
}

function serialize(keys: readonly KeptKey[]): string {
  return `${JSON.stringify(keys, null, 2)}\n`
}

/** The message of `JSON.parse()` would quote the file, and so a private key. */
function parse(text: string): KeptKey[] {
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError('keys.json is not valid JSON')
  }
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
