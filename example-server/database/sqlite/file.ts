import { closeSync, openSync } from 'node:fs'
import { isBuiltin } from 'node:module'

/** Built into Node from 22 on; on Node 20 a package has the same API. */
const client = isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite'

/** @throws Error that names the file, if it cannot be opened */
export async function openFile(path: string, { readOnly = false } = {}) {
  const { DatabaseSync } = (await import(client)) as typeof import('@photostructure/sqlite')
  return namingFile(path, () => new DatabaseSync(path, { readOnly }))
}

/**
 * Creates an empty file (SQLite accepts one) that only its owner can read: it will contain password hashes. SQLite
 * gives the files beside it the same mode. Returns false if the file exists.
 */
export function createFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Runs the work on a file, and names the file if it fails: SQLite's messages do not. */
export function namingFile<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new Error(`cannot use the database ${path}: ${(error as Error).message}`, { cause: error })
  }
}
