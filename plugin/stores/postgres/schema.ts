import type { PostgresClient } from './client.ts'
import { functions } from './functions.ts'

/** Each is applied once to a schema, in this order; published ones never change, new ones are added at the end. */
const schemaSteps = {
  // Texts compare by their bytes; the index of subjects has their hashes, which are short. Rotating
  // changes no indexed column (`gone` counts quarters of a day): PostgreSQL rewrites the row within its page, which is
  // why the pages keep some room, and touches no index.
  '001-sessions': `
    CREATE TABLE auth_sessions (
      id text COLLATE "C" PRIMARY KEY,
      sub text COLLATE "C" NOT NULL CHECK (octet_length(sub) <= 2000),
      salt text COLLATE "C" NOT NULL,
      generation bigint NOT NULL DEFAULT 0,
      created_at bigint NOT NULL,
      rotated_at bigint NOT NULL,
      idle_expires_at bigint NOT NULL,
      absolute_expires_at bigint NOT NULL,
      revoked_at bigint,
      revoked_until bigint,
      access_lifetime_seconds integer NOT NULL,
      gone integer NOT NULL GENERATED ALWAYS AS (coalesce(revoked_until, idle_expires_at) / 21600000) STORED,
      retries text COLLATE "C" NOT NULL DEFAULT '',
      device text COLLATE "C",
      scope text COLLATE "C",
      claims text COLLATE "C" NOT NULL
    ) WITH (fillfactor = 90);
    CREATE INDEX auth_sessions_sub ON auth_sessions (hashtextextended(sub, 0));
    CREATE INDEX auth_sessions_gone ON auth_sessions (gone);
    CREATE TABLE auth_revoked_all (sub text COLLATE "C" PRIMARY KEY, at bigint NOT NULL);
    CREATE TABLE auth_feed (
      number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      mark uuid NOT NULL DEFAULT gen_random_uuid(),
      kind text COLLATE "C" NOT NULL,
      id text COLLATE "C" NOT NULL,
      until bigint NOT NULL,
      UNIQUE (kind, id)
    );`,
  '002-functions': functions
}

/** Any number will do, if only it is the same on all nodes. */
const migrationLock = 4_702_111_234_474_983

/** Brings a schema up to date: once, though nodes start together; where it is, no right to create anything is needed. */
export async function migrate (client: PostgresClient, schema: string): Promise<void> {
  if ((await missingSteps(client, schema)).length === 0) return
  await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(${migrationLock})`)
  const { rows } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  if (rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`)
  await client.query(`SET LOCAL search_path = "${schema}", pg_temp`)
  await client.query('CREATE TABLE IF NOT EXISTS auth_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())')
  for (const [step, statements] of await missingSteps(client, schema)) {
    await client.query(statements)
    await client.query('INSERT INTO auth_schema (step) VALUES ($1)', [step])
  }
  await client.query('COMMIT')
}

async function missingSteps (client: PostgresClient, schema: string): Promise<[name: string, statements: string][]> {
  const table = `"${schema}".auth_schema`
  const { rows: [found] } = await client.query('SELECT to_regclass($1) IS NOT NULL AS exists', [table])
  const applied = (found as { exists: boolean }).exists ? (await client.query(`SELECT step FROM ${table}`)).rows : []
  return Object.entries(schemaSteps).filter(([step]) => !applied.some((row) => (row as { step: string }).step === step))
}
