import type { Pool } from 'pg'
import t from 'tap'
import { skip } from '../../fixtures/postgres-server.ts'
import { newSession, startPostgresStores } from '../../fixtures/postgres-store.ts'
import {
  ending,
  hourMs,
  inserting,
  issuer,
  revokedTokens,
  rotation,
  subject,
  times
} from '../../fixtures/store-values.ts'

t.test('createStatements()', { skip }, async (t) => {
  const { pool, newPool, newSchema, newStore } = await startPostgresStores(t)

  /** How many rows a call reads, as counted by the server: independent of the speed of the machine. */
  async function rowsRead(pool: Pool, { schema, call }: { schema: string; call: string }): Promise<number> {
    const client = await pool.connect()
    const count = async (): Promise<number> => {
      const {
        rows: [{ read }]
      } = await client.query(`SELECT
          sum(pg_stat_get_xact_tuples_fetched(oid) + pg_stat_get_xact_tuples_returned(oid))::integer AS read
        FROM pg_class WHERE oid IN ('auth_sessions'::regclass, 'auth_subjects'::regclass, 'auth_feed'::regclass)`)
      return read
    }
    await client.query(`BEGIN; SET LOCAL search_path = ${schema}`)
    const before = await count()
    await client.query(call)
    const read = (await count()) - before
    await client.query('ROLLBACK')
    client.release()
    return read
  }
  const fill = (schema: string, count: number, { sub = "'filler'", idleMs = hourMs } = {}) =>
    pool.query(
      `INSERT INTO ${schema}.auth_sessions
    (id, issuer, sub, salt, created_at, rotated_at, idle_expires_at, absolute_expires_at, sweep_at,
      access_lifetime_seconds, claims)
    SELECT gen_random_uuid(), '${issuer}', ${sub}, '', now - 60000 - n, now - 60000 - n, now + ${idleMs},
      now + ${hourMs}, now + ${idleMs}, 600, '{}'
    FROM generate_series(1, ${count}) AS n, auth_now() AS now`.replace('auth_now', `${schema}.auth_now`)
    )

  await t.test(
    'createStatements() reads no rows of others, even with a plan from when the tables were small',
    async (t) => {
      const schema = newSchema()
      const single = newPool({ max: 1 })
      const store = newStore(pool, { schema })
      await store.find('a')
      const insert = ({ revokeOthers }: { revokeOthers: boolean }) =>
        `SELECT auth_insert('new', '${issuer}', 'user', '', NULL, NULL, '{}', 600, 1000, 1000, '{${issuer}}', '{x}',
          ${revokeOthers}, 10, 60000, 600, 1000)`
      const calls = {
        find: "SELECT auth_find('x')",
        'find many': "SELECT auth_find_many('{x,y}')",
        list: `SELECT auth_list('{${issuer}}', 'user', 100)`,
        rotate: "SELECT auth_rotate('x', 0, 1, 0, 1000, 600)",
        'rotate many': "SELECT auth_rotate_many('{x,y}', '{0,0}', '{1,1}', '{0,0}', '{1000,1000}', '{600,600}')",
        insert: insert({ revokeOthers: false }),
        'insert, revoking others': insert({ revokeOthers: true }),
        revoke: `SELECT auth_revoke('x', '{${issuer}}', 'user', 600)`,
        revokeAll: `SELECT auth_revoke_all('{${issuer}}', 'user', NULL, 600, 1000)`,
        trim: `SELECT auth_trim('{${issuer}}', 'user', 1, 600, 1000)`,
        append: "SELECT auth_append('{session,token}', '{x,y}', '{1000000000000000,1000000000000000}', 600)",
        sweep: 'SELECT auth_sweep(0, 0, 1000)'
      }
      await fill(schema, 600)
      for (const call of Object.values(calls)) {
        for (let round = 0; round < 7; round++) await rowsRead(single, { schema, call })
      }
      await fill(schema, 5000, { sub: 'n % 3' })
      await store.insert(newSession({ id: 'x' }), inserting)
      await store.insert(newSession(), inserting)
      await store.appendRevocations(revokedTokens(...times(2000, String)), ending)
      await pool.query(
        `INSERT INTO ${schema}.auth_subjects (issuer, sub, at, sweep_at)
        SELECT '', n, 1, 1e15 FROM generate_series(1, 2000) AS n`
      )
      for (const [name, call] of Object.entries(calls)) {
        const read = await rowsRead(single, { schema, call })
        t.ok(read < 60, `${name}: ${read} rows`)
      }
    }
  )

  await t.test('revokeAll() revokes 20,000 sessions of a subject in one step, and logs them in batches', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    const kept = newSession()
    await store.insert(kept, inserting)
    await fill(schema, 20_000, { sub: "'user'" })
    const { rows } = await store.list(subject('user'), { limit: 100 })
    t.equal(rows.length, 100)
    t.equal(rows.at(-1)!.id, kept.id, 'the most recently rotated are listed')
    const { revoked, more } = await store.revokeAll(subject('user'), { ...ending, except: kept.id })
    t.strictSame([revoked.length, more], [1000, true])
    t.strictSame(
      (await store.list(subject('user'), { limit: 100 })).rows.map(({ id }) => id),
      [kept.id]
    )
    const {
      rows: [left]
    } = await pool.query(
      `SELECT id FROM ${schema}.auth_sessions WHERE revoked_at IS NULL AND id <> '${kept.id}' LIMIT 1`
    )
    t.match(await store.rotate(left.id, rotation), { applied: false, row: { revokedAt: Number } })
    t.match(await store.trim(subject('user'), { ...ending, maxSessions: 100 }), {
      revoked: { length: 1000 },
      more: true
    })
  })

  await t.test('insert() evicts in batches if a subject has 20,000 sessions beyond the maximum', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    await store.find('a')
    await fill(schema, 20_000, { sub: "'user'" })
    const session = newSession()
    t.match(await store.insert(session, inserting), { evicted: { length: 1000 }, more: true })
    t.match(await store.trim(subject('user'), { ...ending, maxSessions: 100 }), {
      revoked: { length: 1000 },
      more: true
    })
    t.match(await store.find(session.id), { row: { revokedAt: null } })
  })

  const idleMs = hourMs + 20 * 60_000
  for (const [name, call] of Object.entries({
    alone: `auth_rotate('x', 0, 1, 0, ${idleMs}, 600)`,
    'with others': `auth_rotate_many('{x}', '{0}', '{1}', '{0}', '{${idleMs}}', '{600}')`
  })) {
    await t.test(`rotate() changes no index, ${name}`, async (t) => {
      const schema = newSchema()
      const store = newStore(pool, { schema })
      await store.insert(newSession({ id: 'x', absoluteMs: 1000 * hourMs }), inserting)
      const client = await pool.connect()
      await client.query('BEGIN')
      await client.query(`SELECT ${schema}.${call}`)
      const { rows } = await client.query(
        `SELECT pg_stat_get_xact_tuples_hot_updated('${schema}.auth_sessions'::regclass)::integer AS hot`
      )
      await client.query('COMMIT')
      client.release()
      t.strictSame(rows, [{ hot: 1 }])
      t.match(await store.find('x'), { row: { generation: 1 } })
    })
  }

  await t.test('sweep() reads no session before its time, and a refreshed one only once', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    await store.insert(newSession({ id: 'refreshed', idleMs: 1 }), inserting)
    await pool.query(`UPDATE ${schema}.auth_sessions SET idle_expires_at = absolute_expires_at`)
    await fill(schema, 5000, { idleMs: 1000 * 60 })
    await fill(schema, 3, { idleMs: -1 })
    t.ok((await rowsRead(pool, { schema, call: 'SELECT auth_sweep(0, 0, 1000)' })) < 30, 'four are due')
    t.equal(await store.sweep(), 3)
    // Otherwise the index still contains the removed rows.
    await pool.query(`VACUUM (INDEX_CLEANUP ON) ${schema}.auth_sessions`)
    t.equal(await rowsRead(pool, { schema, call: 'SELECT auth_sweep(0, 0, 1000)' }), 0, 'none is')
    t.match(await store.find('refreshed'), { row: { id: 'refreshed' } })
    await pool.query(`UPDATE ${schema}.auth_sessions SET idle_expires_at = 1, sweep_at = 1`)
    t.ok(
      (await rowsRead(pool, { schema, call: 'SELECT auth_sweep(0, 0, 100)' })) < 1000,
      'a batch does not look at those of the next'
    )
    t.equal(await store.sweep(), 5001, 'in more than one batch')
  })

  await t.test('sweep() removes expired entries except the newest, and reads no others', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    await store.appendRevocations(
      times(2500, (index) => ({ kind: 'token', id: `old ${index}`, until: 1 })),
      ending
    )
    await store.appendRevocations(revokedTokens(...times(2000, String)), ending)
    await store.sweep()
    t.equal((await store.readRevocations(null, 5000)).entries.length, 2000)
    await pool.query(`VACUUM (INDEX_CLEANUP ON) ${schema}.auth_feed`)
    t.ok((await rowsRead(pool, { schema, call: 'SELECT auth_sweep(0, 0, 1000)' })) < 5, 'no entry is due')
    await pool.query(`UPDATE ${schema}.auth_feed SET until = 1`)
    await store.sweep()
    t.equal((await store.readRevocations(null, 10)).entries.length, 1, 'the newest stays')
  })

  await t.test(
    'sweep() keeps the counter of a subject while a session depends on it, and then removes it',
    async (t) => {
      const schema = newSchema()
      const store = newStore(pool, { schema })
      const [behind, live] = [newSession(), newSession()]
      await store.insert(behind, inserting)
      await store.revokeAll(subject('user'), ending)
      await pool.query(`UPDATE ${schema}.auth_sessions SET revoked_at = NULL, revoked_until = NULL`)
      await store.insert(live, inserting)
      const age = () => pool.query(`UPDATE ${schema}.auth_subjects SET at = at - 90000000, sweep_at = 0`)
      await age()
      await store.sweep()
      t.match(await store.rotate(behind.id, rotation), { applied: false })
      t.match(await store.rotate(live.id, rotation), { applied: true })
      await pool.query(`DELETE FROM ${schema}.auth_sessions`)
      await age()
      await store.sweep()
      t.strictSame((await pool.query(`SELECT sub FROM ${schema}.auth_subjects`)).rows, [])
    }
  )
})
