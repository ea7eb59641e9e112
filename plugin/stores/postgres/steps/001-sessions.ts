/**
 * Texts compare by their bytes. The index of subjects contains hashes, because they are short. The pages keep some room
 * (`fillfactor`), so that PostgreSQL rewrites a row within its page. `salt` is the `sessionKey`.
 * Step 003 replaces the index of subjects, which `list()` reads.
 */
export const sessionTables = `
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
  );`
