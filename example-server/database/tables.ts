import type { SessionStore } from '../../plugin/index.ts'
import type { KnownAddresses } from './known-addresses.ts'
import type { Notes } from './notes.ts'
import type { Users } from './users.ts'

/** One database with the application's tables: `sqlite/` and `postgres/` each open one. */
export interface Tables {
  readonly users: Users
  readonly notes: Notes
  readonly knownAddresses: KnownAddresses
  /** Resolves after the database has run a query. */
  ping(): Promise<void>
  /** A session store over the same connection; creates its own tables if they do not exist. */
  openSessions(): SessionStore
  close(): Promise<void>
}
