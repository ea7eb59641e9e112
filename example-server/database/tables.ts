import type { SessionStore } from 'fastify-authenticate'
import { createKnownAddresses } from './known-addresses.ts'
import { createNotes } from './notes.ts'
import { createPasskeys } from './passkeys.ts'
import type { Query } from './query.ts'
import { createSessionCount } from './session-count.ts'
import { createUsers, type UsersOptions } from './users.ts'

export type TablesOptions = UsersOptions

/** The application's tables: the same code for SQLite and PostgreSQL. */
export function createTables(query: Query, options: TablesOptions) {
  return {
    users: createUsers(query, options),
    notes: createNotes(query),
    knownAddresses: createKnownAddresses(query),
    passkeys: createPasskeys(query),
    /** Counts the sessions of the store that `openSessions()` returns. */
    countSessions: createSessionCount(query)
  }
}

/** One database with the application's tables: `sqlite/` and `postgres/` each open one. */
export interface Tables extends ReturnType<typeof createTables> {
  /** Resolves after the database has run a query. */
  ping(): Promise<void>
  /** A session store over the same connection; creates its own tables if they do not exist. */
  openSessions(): SessionStore
  close(): Promise<void>
}

/**
 * The statements of a migration. Never change a published one; append new ones. A server of the version before may
 * still run beside this one while servers are replaced one by one, so a step removes nothing that it uses. A second
 * step does, at the first start that is a day later.
 */
export type SchemaStep = string | { readonly aDayAfter: string; readonly statements: string }

/** The message about a database that a newer version of this server has used. */
export function newerSchema(step: string): string {
  return (
    `a newer version of this server has changed its tables (${step}): ` +
    'start that version, or restore a backup from before the update'
  )
}
