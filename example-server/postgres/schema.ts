import type { Pool } from 'pg'

/** Each is applied once to a database, in this order; published ones never change, new ones are added at the end. */
const schemaSteps = {
  // Names are ASCII: in the collation "C", lower() touches nothing else.
  '001-users-and-notes': `
    CREATE TABLE users (
      id text PRIMARY KEY,
      name text COLLATE "C" NOT NULL,
      password_hash text NOT NULL,
      roles text[] NOT NULL,
      scope text NOT NULL,
      demo boolean NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE UNIQUE INDEX users_name ON users (lower(name));
    CREATE TABLE notes (
      number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text NOT NULL UNIQUE,
      user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      text text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX notes_of_user ON notes (user_id, number);`,
  '002-known-addresses': `
    CREATE TABLE known_addresses (
      user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      address text NOT NULL,
      seen_at timestamptz NOT NULL,
      PRIMARY KEY (user_id, address)
    );
    CREATE INDEX known_addresses_by_age ON known_addresses (seen_at);`
}

/** Any number will do, if only it is the same on all nodes, and not the one of the session store. */
const migrationLock = 7_315_040_211_986_553
const migrationMs = 10_000

/**
 * Brings the tables up to date: once, though nodes start together. One message is one transaction, so that nothing is
 * done by halves; where all is done, no right to create anything is needed.
 */
export async function migrate(pool: Pool): Promise<void> {
  const steps = Object.entries(schemaSteps).map(
    ([step, statements]) => `
    IF NOT EXISTS (SELECT FROM app_schema WHERE step = '${step}') THEN
      ${statements}
      INSERT INTO app_schema (step) VALUES ('${step}');
    END IF;`
  )
  const migration = {
    text: `SELECT pg_advisory_xact_lock(${migrationLock}); DO $$ BEGIN
      IF to_regclass('app_schema') IS NULL THEN
        CREATE TABLE app_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
      END IF; ${steps.join('')}
    END $$`,
    query_timeout: migrationMs
  }
  await pool.query(migration)
}
