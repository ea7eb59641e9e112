import { sql, readTime, type Query, type Sql, type StoredTime } from './query.ts'

/** The public half of a key pair that a user's device or password manager keeps (WebAuthn). */
export interface Passkey {
  /** The credential id, base64url. */
  readonly id: string
  readonly userId: string
  /** Given by the user. */
  readonly name: string
  /** A COSE key, base64url. */
  readonly publicKey: string
  /** How often the authenticator says it was used; many always say 0. */
  readonly counter: number
  readonly createdAt: Date
  readonly lastUsedAt: Date | null
}

export type NewPasskey = Pick<Passkey, 'id' | 'userId' | 'name' | 'publicKey' | 'counter'>

/** Passkeys of one user; concurrent requests may exceed it by a few. */
const maxPasskeys = 20

export interface Passkeys {
  /** Oldest first. */
  list(userId: string): Promise<Passkey[]>
  find(id: string): Promise<Passkey | null>
  /** Resolves to `null` if the user has too many, or was deleted, or the id is known already: of any user. */
  add(passkey: NewPasskey): Promise<Passkey | null>
  /**
   * Compare and set: records a use. Resolves to false if the stored counter is not `from`, because another sign-in has
   * changed it, or the passkey was removed.
   */
  use(id: string, counter: { from: number; to: number }): Promise<boolean>
  /** Resolves to false if the user has no such passkey. */
  rename(userId: string, change: { id: string; name: string }): Promise<boolean>
  /** Resolves to false if the user has no such passkey. */
  remove(userId: string, id: string): Promise<boolean>
  /** Resolves to false if this challenge was used before. Kept until it expires (ms since the epoch). */
  spendChallenge(challenge: string, expiresAt: number): Promise<boolean>
}

interface Row extends Omit<Passkey, 'counter' | 'createdAt' | 'lastUsedAt'> {
  /** PostgreSQL returns a bigint as text. */
  readonly counter: number | string
  readonly createdAt: StoredTime
  readonly lastUsedAt: StoredTime | null
}

export function createPasskeys(query: Query): Passkeys {
  const columns = sql`
    id, user_id AS "userId", name, public_key AS "publicKey", counter, created_at AS "createdAt",
    last_used_at AS "lastUsedAt"`
  const read = async (statement: Sql) => (await query<Row>(statement)).map(toPasskey)
  const select = sql`SELECT ${columns} FROM passkeys`

  return {
    list: async (userId) => await read(sql`${select} WHERE user_id = ${userId} ORDER BY number`),
    find: async (id) => (await read(sql`${select} WHERE id = ${id}`))[0] ?? null,

    async add({ id, userId, name, publicKey, counter }) {
      const [passkey = null] = await read(sql`
        INSERT INTO passkeys (id, user_id, name, public_key, counter, created_at)
        SELECT ${id}, id, ${name}, ${publicKey}, ${counter}, ${new Date()} FROM users
        WHERE id = ${userId} AND (SELECT count(*) FROM passkeys WHERE user_id = ${userId}) < ${maxPasskeys}
        ON CONFLICT DO NOTHING RETURNING ${columns}`)
      return passkey
    },

    async use(id, { from, to }) {
      const used = await query(sql`
        UPDATE passkeys SET counter = ${to}, last_used_at = ${new Date()} WHERE id = ${id} AND counter = ${from}
        RETURNING id`)
      return used.length === 1
    },

    rename: async (userId, { id, name }) =>
      (await query(sql`UPDATE passkeys SET name = ${name} WHERE id = ${id} AND user_id = ${userId} RETURNING id`))
        .length === 1,

    remove: async (userId, id) =>
      (await query(sql`DELETE FROM passkeys WHERE id = ${id} AND user_id = ${userId} RETURNING id`)).length === 1,

    async spendChallenge(challenge, expiresAt) {
      await query(sql`DELETE FROM used_challenges WHERE expires_at < ${new Date()}`)
      const spent = await query(sql`
        INSERT INTO used_challenges (challenge, expires_at) VALUES (${challenge}, ${new Date(expiresAt)})
        ON CONFLICT DO NOTHING RETURNING challenge`)
      return spent.length === 1
    }
  }
}

function toPasskey({ counter, createdAt, lastUsedAt, ...passkey }: Row): Passkey {
  return {
    ...passkey,
    counter: Number(counter),
    createdAt: readTime(createdAt),
    lastUsedAt: lastUsedAt === null ? null : readTime(lastUsedAt)
  }
}
