/** A subject of one issuer, hashed: short, whatever the texts are. */
export const hashOf = (owner: string) => `hashtextextended(${owner}.sub, hashtextextended(${owner}.issuer, 0))`

/**
 * What the index of open rows is limited to, and what a search by it says. In this form, which means `revoked_at IS
 * NULL`, because PostgreSQL would use the index for that wherever it stands, and read the whole of it where the table
 * seems small.
 */
export const isOpen = 'coalesce(revoked_at, 0) = 0'

/**
 * Rows carry their issuer and the counter of their subject, which `revokeAll()` raises.
 *
 * Rotating changes no column of `auth_sessions_sweep`: when a row's time has come, the sweep looks whether it has
 * expired, or sets `sweep_at` to the time when it will have. Old rows have no such time, and are looked at in the order
 * of their start. The name of the table of subjects changes and the table does not, so that rights granted on it stay.
 */
export const subjectTables = `
  ALTER TABLE auth_sessions
    ADD COLUMN issuer text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN counter bigint NOT NULL DEFAULT 0,
    ADD COLUMN repeated_generation bigint,
    ADD COLUMN repeat_streak integer NOT NULL DEFAULT 0,
    ADD COLUMN sweep_at bigint,
    DROP COLUMN gone;
  DROP INDEX auth_sessions_sub;
  CREATE INDEX auth_sessions_open ON auth_sessions (${hashOf('auth_sessions')}, counter) WHERE ${isOpen};
  CREATE INDEX auth_sessions_sweep ON auth_sessions ((coalesce(sweep_at, created_at)));

  ALTER TABLE auth_revoked_all RENAME TO auth_subjects;
  ALTER TABLE auth_subjects
    DROP CONSTRAINT auth_revoked_all_pkey,
    ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN issuer text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN counter bigint NOT NULL DEFAULT 0,
    ADD COLUMN sweep_at bigint NOT NULL DEFAULT 0;
  CREATE INDEX auth_subjects_hash ON auth_subjects (${hashOf('auth_subjects')});
  CREATE INDEX auth_subjects_sweep ON auth_subjects (sweep_at);

  ALTER TABLE auth_feed
    DROP CONSTRAINT auth_feed_kind_id_key,
    ADD COLUMN superseded boolean NOT NULL DEFAULT false;
  CREATE INDEX auth_feed_id ON auth_feed (hashtextextended(id, 0)) WHERE NOT superseded;
  CREATE INDEX auth_feed_until ON auth_feed (until);`
