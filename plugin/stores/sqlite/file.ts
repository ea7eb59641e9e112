import { statSync } from 'node:fs'
import { UnusableStoreError } from '../session-store.ts'
import type { SqliteDatabase } from './database.ts'

/** The path of the connection's main database; empty for one in memory. */
export function pathOf(database: SqliteDatabase): string {
  const databases = database.prepare('PRAGMA database_list').all({}) as { name: string; file: string | null }[]
  return databases.find(({ name }) => name === 'main')?.file ?? ''
}

/**
 * A deleted or replaced file stays open in the processes that had it open, and no other sees what they revoke. So
 * every call checks the path first. A file that was put back is used again.
 */
export function createFileCheck(path: string): () => void {
  if (path === '') return () => {}
  const opened = statSync(path)
  return function assertSameFile() {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.ino === opened.ino && found.dev === opened.dev) return
    const what = found === undefined ? 'was deleted' : 'was replaced by another file'
    throw new UnusableStoreError(
      `sqliteStore() has stopped: ${path} ${what} after it was opened. Put the file back, or restart the process`
    )
  }
}
