/** The hash of a subject of one issuer: short, however long the texts are. */
export const hashOf = (owner: string) => `hashtextextended(${owner}.sub, hashtextextended(${owner}.issuer, 0))`

/**
 * The condition of the index of open rows, which every search by it repeats. It means `revoked_at IS NULL`. If it were
 * written so, PostgreSQL would use the index for other queries too, and read all of it if the table seems small.
 */
export const isOpen = 'coalesce(revoked_at, 0) = 0'

/**
 * Rows carry their issuer and the counter of their subject, which `revokeAll()` raises.
 *
 * `auth_sessions_open` is the index that `list()` reads: the rows of a subject that are not revoked.
 *
 * `auth_sessions_sweep` is the index of `sweep()`. Rotating changes none of its columns: the sweep checks a row at its
 * `sweep_at`, and removes it or sets `sweep_at` to its expiry. Older rows have no such time and are checked in the
 * order of their start. The table of subjects is renamed, not created again, so that granted permissions stay.
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
