import { setTimeout } from 'node:timers/promises'
import { UnusableStoreError } from '../session-store.ts'
import { onClient, within } from './driver.ts'
import type { Limits, PostgresClient, PostgresPool } from './driver.ts'
import { unusable } from './errors.ts'
import { isCurrent, migrate } from './schema.ts'

const passwordAttempts = 3
const wrongPassword = '28P01'

/** Brings the schema up to date, once, and finds out whether the store can work at all. */
export function createPreparation(pool: PostgresPool, { schema, limits }: { schema: string; limits: Limits }) {
  let prepared: Promise<void> | undefined

  const run = <T>(ms: number, work: (client: PostgresClient) => Promise<T>) =>
    within(ms, (late) => onClient(pool, late, work))

  async function attempt(): Promise<void> {
    // A host that does not respond is noticed sooner than a migration has to end.
    if (!(await run(limits.callMs, (client) => isCurrent(client, schema)))) {
      await run(limits.migrationMs, (client) => migrate(client, schema))
    }
    await run(limits.callMs, (client) => check(client, schema))
  }

  /** One attempt, shared by all who wait for it; a failed one is repeated at the next call. */
  function once(): Promise<void> {
    prepared ??= attempt().catch((error: unknown) => {
      prepared = undefined
      throw error
    })
    return prepared
  }

  return {
    once,

    /** A password is tried again, because it may be about to change. */
    async prepare(): Promise<void> {
      for (let attempts = 1; ; attempts++) {
        try {
          return await once()
        } catch (error) {
          const mayChange = (error as { code?: unknown }).code === wrongPassword && attempts < passwordAttempts
          if (!mayChange) throw unusable(error) ?? error
        }
        await setTimeout(limits.passwordRetryMs)
      }
    }
  }
}

/** Finds what would make every call fail though the schema is there. */
async function check(client: PostgresClient, schema: string): Promise<void> {
  const {
    rows: [found]
  } = await client.query(
    `SELECT current_setting('transaction_isolation') AS isolation,
    current_setting('transaction_read_only') = 'on' AND NOT pg_is_in_recovery() AS "isReadOnly", ARRAY(
      SELECT name FROM unnest(ARRAY['auth_sessions', 'auth_subjects', 'auth_feed']) AS name
      CROSS JOIN LATERAL (SELECT format('%I.%I', $1::text, name) AS full_name) AS quoted
      WHERE NOT (has_table_privilege(full_name, 'SELECT') AND has_table_privilege(full_name, 'INSERT')
        AND has_table_privilege(full_name, 'UPDATE') AND has_table_privilege(full_name, 'DELETE'))
    ) AS tables`,
    [schema]
  )
  const { isolation, isReadOnly, tables } = found as { isolation: string; isReadOnly: boolean; tables: string[] }
  if (tables.length > 0) {
    throw new UnusableStoreError(
      `permission denied for table ${tables.join(', ')} in the PostgreSQL schema ` +
        `"${schema}": ` +
        'grant SELECT, INSERT, UPDATE and DELETE on the tables to the role of the pool'
    )
  }
  if (isolation !== 'read committed') {
    throw new UnusableStoreError(
      "sessions need default_transaction_isolation = 'read committed' in PostgreSQL: " + `received '${isolation}'`
    )
  }
  // It can pass by itself: servers are set so while they are moved or updated.
  if (isReadOnly) throw new Error('transactions are read-only in PostgreSQL (default_transaction_read_only)')
}
