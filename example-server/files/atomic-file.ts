import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeFolder } from './folder.ts'

/**
 * Reads a file, and creates it with `make()` if it does not exist. If several processes create it at the same time, one
 * succeeds and all read the same content: the file is written under another name and then linked, which fails if the
 * name exists, so no process ever sees a partial file.
 */
export function keepFile(path: string, make: () => string): string {
  const found = read(path)
  if (found !== null) return found
  makeFolder(dirname(path))
  const temporary = writeTemporary(path, make())
  try {
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(temporary)
  }
  return readFileSync(path, 'utf8')
}

/** Replaces the content of a file atomically. */
export function replaceFile(path: string, content: string): void {
  renameSync(writeTemporary(path, content), path)
}

function writeTemporary(path: string, content: string): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  writeFileSync(temporary, content, { mode: 0o600, flag: 'wx', flush: true })
  return temporary
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return null
  }
}
