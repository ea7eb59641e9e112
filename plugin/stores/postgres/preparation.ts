import { setTimeout } from 'node:timers/promises'
import { UnusableStoreError } from '../session-store.ts'
import { withClient, withTimeLimit } from './driver.ts'
import type { PostgresClient, PostgresPool } from './driver.ts'
import { toUnusable } from './errors.ts'
import type { TimeLimits } from './time-limits.ts'
import { isCurrent, migrate } from './schema.ts'

const passwordAttempts = 3
const wrongPassword = '28P01'

/** Creates or migrates the schema once, and checks whether the store can work at all. */
export function createPreparation(pool: PostgresPool, { schema, limits }: { schema: string; limits: TimeLimits }) {
  let prepared: Promise<void> | undefined

  const run = <T>(ms: number, work: (client: PostgresClient) => Promise<T>) =>
    withTimeLimit(ms, (limit) => withClient({ pool, ...limit }, work))

  async function attempt(): Promise<void> {
    // Separate, because the limit of a migration is too long to detect a host that does not respond.
    if (!(await run(limits.callMs, (client) => isCurrent(client, schema)))) {
      await run(limits.migrationMs, (client) => migrate(client, schema))
    }
    await run(limits.callMs, (client) => check(client, schema))
  }

  /** Shares one attempt among all callers. The next call repeats a failed attempt. */
  function once(): Promise<void> {
    prepared ??= attempt().catch((error: unknown) => {
      prepared = undefined
      throw error
    })
    return prepared
  }

  return {
    once,

    /** Tries a refused password again, because it may just be changing. */
    async prepare(): Promise<void> {
      for (let attempts = 1; ; attempts++) {
        try {
          return await once()
        } catch (error) {
          const mayChange = (error as { code?: unknown }).code === wrongPassword && attempts < passwordAttempts
          if (!mayChange) throw toUnusable(error) ?? error
        }
        await setTimeout(limits.passwordRetryMs)
      }
    }
  }
}

/** Finds what would make calls fail although the schema is complete. */
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
      `permission denied for table ${tables.join(', ')} in the PostgreSQL schema "${schema}": ` +
        "grant SELECT, INSERT, UPDATE and DELETE on the tables to the pool's role"
    )
  }
  if (isolation !== 'read committed') {
    throw new UnusableStoreError(
      `PostgreSQL must have default_transaction_isolation = 'read committed': received '${isolation}'`
    )
  }
  // Can pass without intervention: servers are read-only while they are moved or updated.
  if (isReadOnly) throw new Error('transactions are read-only in PostgreSQL (default_transaction_read_only)')
}
