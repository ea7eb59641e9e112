import t from 'tap'
import { steps } from '../../../plugin/stores/postgres/schema.ts'
import { sessionTables } from '../../../plugin/stores/postgres/steps/001-sessions.ts'
import { functions as firstFunctions } from '../../../plugin/stores/postgres/steps/002-functions.ts'
import { revocationMarginMs, revokeAllRememberedMs } from '../../../plugin/stores/session-store.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { newSession, startPostgresStores } from '../../fixtures/postgres-store.ts'
import { fingerprint } from '../../fixtures/schema-steps.ts'
import { ending, hourMs, inserting, issuer, rotation, subject, times } from '../../fixtures/store-values.ts'

t.test('steps: a published step never changes', async (t) => {
  t.strictSame(
    Object.entries(steps).map(([name, { usableFrom, statements }]) => [name, usableFrom, fingerprint(statements)]),
    [
      ['001-sessions', '001-sessions', 'ca582961a12dfd59'],
      ['002-functions', '002-functions', '0bbbfbeadc027a7c'],
      ['003-subjects', '004-functions', '91d2ebac8c7c0745'],
      ['004-functions', '004-functions', '1fcd0a8663149ebe'],
      ['005-session-limits', '004-functions', '6fbd335958745122'],
      ['006-cached-plans', '004-functions', '7a6412ee6ef51992'],
      ['007-pushed-entries', '004-functions', '5d33fea143b0d3fa'],
      ['008-batches', '004-functions', '0aec842cbafc9a3e']
    ]
  )
})

t.test('steps: the newest functions contain the same limits as all stores', async (t) => {
  const { statements } = steps['004-functions']!
  const constants = [...statements.matchAll(/\b(\d{4,})\b/g)].map(([number]) => Number(number))
  t.strictSame(
    [...new Set(constants)].sort((a, b) => a - b),
    [1000, revocationMarginMs, revokeAllRememberedMs],
    'a limit that changes needs a new step'
  )
})

t.test('migrate()', { skip }, async (t) => {
  const { server, pool, newPool, newSchema, newStore } = await startPostgresStores(t)

  await t.test('migrate() creates the tables once when many nodes start together', async (t) => {
    const schema = newSchema()
    const nodes = times(8, () => newStore(newPool({ max: 2 }), { schema }))
    await t.resolves(
      Promise.all(
        nodes.flatMap((store) => [
          store.find('a'),
          store.list(subject('a'), { limit: 1 }),
          store.readRevocations(null, 1)
        ])
      )
    )
    const { rows } = await pool.query(`SELECT step FROM ${schema}.auth_schema ORDER BY step`)
    t.strictSame(
      rows.map(({ step }) => step),
      Object.keys(steps)
    )
  })

  await t.test('migrate() leaves no function in SQL, which PostgreSQL would plan again in each call', async (t) => {
    const schema = newSchema()
    await newStore(pool, { schema }).find('a')
    const { rows } = await pool.query(
      `SELECT lanname AS language, array_agg(proname ORDER BY proname) FILTER (WHERE lanname = 'sql') AS names
        FROM pg_proc JOIN pg_language AS language ON language.oid = prolang
        WHERE pronamespace = $1::regnamespace GROUP BY lanname`,
      [schema]
    )
    t.strictSame(rows, [{ language: 'plpgsql', names: null }])
  })

  await t.test('isCurrent() lets a store start without permission to create if its tables exist', async (t) => {
    const schema = newSchema()
    await newStore(pool, { schema }).find('a')
    await pool.query(`CREATE ROLE application LOGIN; GRANT USAGE ON SCHEMA ${schema} TO application;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO application`)
    const store = newStore(newPool({ user: 'application' }), { schema })
    const session = newSession()
    await store.insert(session, inserting)
    t.match(await store.rotate(session.id, rotation), { applied: true })
    t.match(await store.revoke(session.id, ending), { revoked: { id: session.id } })
    t.equal(await store.sweep(), 0)
    await t.rejects(newStore(newPool({ user: 'application' }), { schema: newSchema() }).find('a'), { code: '42501' })
  })

  await t.test('migrate() is repeated by the next call if it failed', async (t) => {
    const config = { user: 'nobody here' }
    const pool = newPool(config)
    const store = newStore(pool, { schema: newSchema() })
    await t.rejects(store.find('a'), { code: '28000' })
    Object.assign(pool.options, { user: server.connection.user })
    t.match(await store.find('a'), { row: null })
  })

  await t.test(
    'isCurrent() rejects if a newer version has changed the schema so that this version cannot use it',
    async (t) => {
      const schema = 'newer'
      await newStore(pool, { schema }).prepare!()
      await pool.query(`INSERT INTO ${schema}.auth_schema (step, usable_from) VALUES ('998-added', '004-functions')`)
      await t.resolves(newStore(pool, { schema }).prepare!(), 'a step that this version can use')
      await pool.query(`INSERT INTO ${schema}.auth_schema (step, usable_from) VALUES ('999-changed', '999-changed')`)
      const store = newStore(pool, { schema })
      const message =
        'the PostgreSQL schema "newer" has the step "999-changed", which needs code that knows the step ' +
        '"999-changed": this version of fastify-authenticate knows the steps up to "008-batches"; update it'
      await t.rejects(store.prepare!(), { name: 'UnusableStoreError', message })
      await t.rejects(store.find('a'), { message }, 'calls reject too')
    }
  )

  await t.test(
    'migrate() to 008-batches lets code of 004-functions run on, and its refreshes obey the limit',
    async (t) => {
      const schema = 'before'
      const before = newPool({ max: 1, options: `-c search_path=${schema}` })
      await before.query(`CREATE SCHEMA ${schema};
        CREATE TABLE auth_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          usable_from text)`)
      for (const [step, { statements, usableFrom }] of Object.entries(steps).slice(0, 4)) {
        await before.query(statements)
        await before.query('INSERT INTO auth_schema (step, usable_from) VALUES ($1, $2)', [step, usableFrom])
      }
      const oldInsert = (id: string) =>
        before.query(
          `SELECT now, (session).*, revoked::text, evicted::text, more FROM auth_insert($1, $2, 'user', 'sessionKey',
            NULL, NULL, '{}', 600, ${hourMs}, ${4 * hourMs}, ARRAY[$2], '{}', false, 100, NULL, 600, 1000)`,
          [id, issuer]
        )
      const oldRotate = async (id: string, from: number) => {
        const text = 'SELECT applied, now, (session).* FROM auth_rotate($1, $2, $3, 0, $4, 600)'
        const { rows } = await before.query(text, [id, from, from + 1, 3 * hourMs])
        return { applied: rows[0].applied, idleMs: rows[0].idle_expires_at - rows[0].now }
      }
      const oldFind = async (id: string) => (await before.query('SELECT (session).* FROM auth_find($1)', [id])).rows[0]
      const oldList = async () =>
        (await before.query("SELECT * FROM auth_list($1, 'user', 10)", [[issuer]])).rows.length
      // Each function runs once on this connection before the migration, so that its plans are cached.
      await oldInsert('old')
      t.strictSame(await oldRotate('old', 0), { applied: true, idleMs: 3 * hourMs })
      t.match(await oldFind('old'), { generation: '1' })
      t.equal(await oldList(), 1)

      const store = newStore(pool, { schema })
      t.match(await store.find('old'), { row: { idleLimitMs: null, details: {} } })
      const limited = newSession({ id: 'limited', idleLimitMs: 2 * hourMs, details: { persistent: false } })
      await store.insert(limited, inserting)

      t.strictSame(await oldRotate('old', 1), { applied: true, idleMs: 3 * hourMs })
      t.strictSame(await oldRotate('limited', 0), { applied: true, idleMs: 2 * hourMs })
      t.match(await oldFind('limited'), { generation: '1' })
      await oldInsert('later')
      t.equal(await oldList(), 3)
      t.match(await store.find('limited'), { row: { idleLimitMs: 2 * hourMs, details: { persistent: false } } })
      t.match(await store.find('later'), { row: { idleLimitMs: null, details: {} } })
    }
  )

  await t.test('migrate() keeps the sessions and revocations of the first version', async (t) => {
    const client = await pool.connect()
    await client.query(`CREATE SCHEMA older; SET search_path = older;
      CREATE TABLE auth_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
      ${sessionTables} ${firstFunctions};
      INSERT INTO auth_schema (step) VALUES ('001-sessions'), ('002-functions')`)
    const insertOld = (id: string, sub: string, idleMs = hourMs) =>
      client.query("SELECT auth_insert($1, $2, 'sessionKey', NULL, NULL, '{}', 600, $3, 100000000, '{}', NULL, 600)", [
        id,
        sub,
        idleMs
      ])
    for (const id of ['a', 'b', 'revoked']) await insertOld(id, 'user')
    await insertOld('expired', 'user', -1)
    await insertOld('elsewhere', 'signed out')
    const {
      rows: [revoked]
    } = await client.query("SELECT until FROM auth_revoke('revoked', NULL, 600)")
    await client.query("SELECT auth_revoke_all('signed out', NULL, 600)")
    const {
      rows: [last]
    } = await client.query('SELECT number, mark FROM auth_feed ORDER BY number DESC LIMIT 1')
    await client.query(
      `CREATE ROLE kept LOGIN; GRANT USAGE ON SCHEMA older TO kept;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA older TO kept`
    )
    client.release(true)

    await newStore(pool, { schema: 'older' }).prepare!()
    const store = newStore(newPool({ user: 'kept' }), { schema: 'older' })
    await t.resolves(store.prepare!(), 'granted permissions stay')
    const subject = { issuers: [issuer, ''], sub: 'user' }
    t.match((await store.list(subject, { limit: 10 })).rows, [
      { id: 'a', issuer: '', repeatedGeneration: null },
      { id: 'b' }
    ])
    t.match(await store.revoke('revoked', ending), { revoked: { until: Number(revoked.until) } })
    t.match(await store.readRevocations(`${last.number}.${last.mark}`, 10), { entries: [], resumed: true })
    t.match((await store.readRevocations(null, 10)).entries, [{ id: 'revoked' }, { id: 'elsewhere' }])
    const both = { ...inserting, issuers: [issuer, ''] }
    const late = { ...both, authenticatedAge: () => 60_000 }
    t.match(await store.insert(newSession({ id: 'late', sub: 'signed out' }), late), { row: null })
    t.match(await store.rotate('a', rotation), { applied: true })
    t.equal(await store.sweep(), 1)
    t.match(await store.insert(newSession({ id: 'new' }), { ...both, revokeOthers: true }), {
      revoked: [{ id: 'a' }, { id: 'b' }]
    })
    t.match(await store.find('b'), { row: { revokedAt: Number } })
  })
})
