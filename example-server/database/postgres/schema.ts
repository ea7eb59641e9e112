import type { Pool } from 'pg'
import { newerSchema, type SchemaStep } from '../tables.ts'

/** Migrations, each applied once to a database, in this order. */
const schemaSteps: Readonly<Record<string, SchemaStep>> = {
  // Names are ASCII, and in the collation "C" lower() changes only ASCII letters.
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
    CREATE INDEX known_addresses_by_age ON known_addresses (seen_at);`,
  '003-disabled-users': 'ALTER TABLE users ADD COLUMN disabled_at timestamptz;',
  // Follows from the roles now.
  '004-scope-by-roles': "ALTER TABLE users ALTER COLUMN scope SET DEFAULT 'notes:read notes:write';",
  '005-no-scope': { aDayAfter: '004-scope-by-roles', statements: 'ALTER TABLE users DROP COLUMN scope;' },
  '006-email': `
    ALTER TABLE users ADD COLUMN email text COLLATE "C";
    ALTER TABLE users ADD COLUMN pending_email text COLLATE "C";
    CREATE UNIQUE INDEX users_email ON users (lower(email));`,
  '007-passkeys': `
    CREATE TABLE passkeys (
      number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      id text NOT NULL UNIQUE,
      user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      name text NOT NULL,
      public_key text NOT NULL,
      counter bigint NOT NULL,
      created_at timestamptz NOT NULL,
      last_used_at timestamptz
    );
    CREATE INDEX passkeys_of_user ON passkeys (user_id, number);
    CREATE TABLE used_challenges (
      challenge text PRIMARY KEY,
      expires_at timestamptz NOT NULL
    );
    CREATE INDEX used_challenges_by_expiry ON used_challenges (expires_at);`
}

/** An arbitrary number: the same on all nodes, and different from the one of the session store. */
const migrationLock = 7_315_040_211_986_553
const migrationTimeoutMs = 10_000

/**
 * Applies the missing migrations, once even if several nodes start together. PostgreSQL runs one message as one
 * transaction, so a migration is applied completely or not at all. An up-to-date database needs no right to create
 * tables.
 * @throws Error of class 42, which is not retried, if a newer version of the server has used the database
 */
export async function migrate(pool: Pool): Promise<void> {
  const steps = Object.entries(schemaSteps).map(([step, todo]) => {
    const isMissing = `NOT EXISTS (SELECT FROM app_schema WHERE step = '${step}')`
    const record = `INSERT INTO app_schema (step) VALUES ('${step}');`
    if (typeof todo === 'string') return `IF ${isMissing} THEN ${todo} ${record} END IF;`
    const isOld = `step = '${todo.aDayAfter}' AND applied_at <= clock_timestamp() - interval '1 day'`
    // Nothing depends on it, so a user without the right to change tables keeps working without it.
    return `IF ${isMissing} AND EXISTS (SELECT FROM app_schema WHERE ${isOld}) THEN
      BEGIN ${todo.statements} ${record} EXCEPTION WHEN insufficient_privilege THEN NULL; END;
    END IF;`
  })
  const known = Object.keys(schemaSteps)
    .map((step) => `'${step}'`)
    .join()
  const migration = {
    text: `SELECT pg_advisory_xact_lock(${migrationLock}); DO $$ BEGIN
      IF to_regclass('app_schema') IS NULL THEN
        CREATE TABLE app_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
      END IF;
      IF EXISTS (SELECT FROM app_schema WHERE step NOT IN (${known})) THEN
        RAISE EXCEPTION USING ERRCODE = '42000', MESSAGE = (
          SELECT format('${newerSchema('%s')}', min(step)) FROM app_schema WHERE step NOT IN (${known}));
      END IF; ${steps.join('\n')}
    END $$`,
    query_timeout: migrationTimeoutMs
  }
  await pool.query(migration)
}
