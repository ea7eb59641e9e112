import { UnusableStoreError } from '../session-store.ts'

/** https://www.sqlite.org/rescode.html: result codes of failures that can pass without intervention. */
const passing = { BUSY: 5, LOCKED: 6, NOMEM: 7, INTERRUPT: 9, IOERR: 10, FULL: 13, PROTOCOL: 15 }

/** The primary result code, which is the low byte of the extended one; `null` for an error that is not SQLite's. */
function resultCode(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : null
}

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code === passing.BUSY || code === passing.LOCKED || code === passing.PROTOCOL
}

export function isInsideTransaction(error: unknown): boolean {
  return /within a transaction/.test(messageOf(error))
}

/** Whether waiting cannot help: no permission to write, not a database, a broken file or schema. */
function isPermanent(error: unknown): boolean {
  const code = resultCode(error)
  return code !== null && !Object.values(passing).includes(code)
}

/** The error to throw when set-up fails: if waiting cannot help, it names the file and what the store needs. */
export function setUpError(error: unknown, path: string): unknown {
  if (!isPermanent(error)) return error
  return new UnusableStoreError(
    `sqliteStore() cannot use ${path || 'the database'}: ${messageOf(error)}. ` +
      'It needs a SQLite database that this process may write, in a folder that this process may write',
    { cause: error }
  )
}

export function timeoutError(timeoutMs: number, busy: unknown): Error {
  const reason = busy === null ? 'earlier calls of this process took that long' : messageOf(busy)
  return new Error(`The call could not start within ${timeoutMs} ms: ${reason}`, { cause: busy ?? undefined })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
