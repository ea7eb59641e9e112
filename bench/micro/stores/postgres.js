import { Pool } from 'pg'
import { postgresStore } from '../../../dist/stores/postgres.js'
import { idOf, inserting, session } from '../session.js'

/** `idOf()` and `session().sub` in SQL. */
const idSql =
  "rtrim(translate(encode(substring(sha256(convert_to(number::text, 'UTF8')) for 16), 'base64'), '+/', '-_'), '=')"
const subSql = "'user-' || number"

export async function open({ host, user, database }, schema) {
  const pool = new Pool({ host, user, database, max: 4 })
  const store = postgresStore(pool, { schema })
  const table = `${schema}.auth_sessions`

  async function copiedColumns() {
    const { rows } = await pool.query(
      `SELECT column_name AS name FROM information_schema.columns
        WHERE table_schema = $1 AND table_name = 'auth_sessions' AND is_generated = 'NEVER'`,
      [schema]
    )
    return rows.map(({ name }) => name)
  }

  return {
    store,
    /** Inserts one session through the store, and copies it in the database, which is faster. */
    async fill(count) {
      await store.insert(session(1), inserting)
      const columns = await copiedColumns()
      const values = columns.map((name) => ({ id: idSql, sub: subSql })[name] ?? name)
      await pool.query(
        `INSERT INTO ${table} (${columns})
          SELECT ${values} FROM ${table}, generate_series(2, $1::int) AS number WHERE id = $2`,
        [count, idOf(1)]
      )
      await pool.query(`VACUUM (ANALYZE) ${table}`)
      await pool.query('CHECKPOINT')
    },
    /** Indexes included. */
    async bytes() {
      const {
        rows: [{ size }]
      } = await pool.query(`SELECT coalesce(pg_total_relation_size(to_regclass('${table}')), 0) AS size`)
      return Number(size)
    }
  }
}
