import { EventEmitter } from 'node:events'
import fastify from 'fastify'
import { Client, Pool } from 'pg'
import type { PoolConfig } from 'pg'
import t from 'tap'
import authenticate from '../../../plugin/index.ts'
import { toUnusable } from '../../../plugin/stores/postgres/errors.ts'
import { sessionTables } from '../../../plugin/stores/postgres/steps/001-sessions.ts'
import { functions as firstFunctions } from '../../../plugin/stores/postgres/steps/002-functions.ts'
import { createPostgresStore } from '../../../plugin/stores/postgres/store.ts'
import { postgresStore } from '../../../plugin/stores/postgres.ts'
import type { PostgresPool } from '../../../plugin/stores/postgres.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import type { NewSession, SessionStore } from '../../../plugin/stores/session-store.ts'
import { secret } from '../../fixtures/app.ts'
import { skip, startPostgres } from '../../fixtures/postgres-server.ts'

const hourMs = 3_600_000
const issuer = 'https://issuer.example'
const ending = { lifetimeSeconds: 600 }
const inserting = { issuers: [issuer, ''], revoke: [], maxSessions: 100, ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: hourMs, accessLifetimeSeconds: 600 }
const newSession = (id: string): NewSession => ({
  id,
  issuer,
  sub: 'user',
  sessionKey: 'sessionKey',
  device: null,
  scope: null,
  claims: {},
  accessLifetimeSeconds: 600,
  idleMs: hourMs,
  absoluteMs: 24 * hourMs
})

t.setTimeout(120_000)

t.test('postgresStore() throws a TypeError that says what to pass, for what is not a pool', async (t) => {
  const needed =
    'Cannot create a postgresStore: "pool" must be a Pool of pg, made by new Pool({ connectionString }): received'
  const wrong: [unknown, string][] = [
    ['postgres://user:secret@localhost/db', 'a string'],
    [new Client(), 'a Client'],
    [{}, 'a plain object'],
    [Pool, 'a function'],
    [undefined, 'undefined'],
    [null, 'null']
  ]
  for (const [pool, received] of wrong) {
    t.throws(
      () => postgresStore(pool as PostgresPool),
      { name: 'TypeError', message: `${needed} ${received}` },
      received
    )
  }
})

t.test('postgresStore() refuses names of schemas that would have to be quoted', async (t) => {
  const pool = { connect: () => Promise.reject(new Error('no')), on: () => {}, removeListener: () => {} }
  for (const schema of ['', 'a b', 'a"b', "a'", 'ä', 'a'.repeat(41)]) {
    t.throws(
      () => postgresStore(pool, { schema }),
      { name: 'TypeError', message: /"schema" must be 1 to 40 letters/ },
      schema
    )
  }
  await t.rejects(postgresStore(pool).find('a'), { message: 'no' })
})

t.test('toUnusable() tells what can pass by itself from what somebody has to change', async (t) => {
  for (const code of ['28000', '28P01', '3D000', '3F000', '42501', '42P01', '42883', '0A000']) {
    t.match(
      toUnusable(Object.assign(new Error('its reason'), { code })),
      { name: 'UnusableStoreError', message: /its reason/ },
      code
    )
  }
  for (const code of [
    '57P03',
    '25006',
    '53300',
    '55P03',
    '40P01',
    '57P01',
    '08006',
    'ECONNREFUSED',
    'ENOTFOUND',
    'ETIMEDOUT'
  ]) {
    t.equal(toUnusable(Object.assign(new Error('its reason'), { code })), undefined, code)
  }
  t.match(toUnusable(new Error('The server does not support SSL connections')), { name: 'UnusableStoreError' })
  t.equal(toUnusable(new Error('PostgreSQL did not respond within 1800 ms')), undefined)
})

t.test('prepare()', { skip }, async (t) => {
  const server = await startPostgres()
  const pools: Pool[] = []
  const stores: SessionStore[] = []
  t.teardown(async () => {
    for (const store of stores) await store.close()
    await Promise.all(pools.map((pool) => pool.end()))
    await server.stop()
  })
  const newPool = (config: PoolConfig = {}) => {
    const pool = new Pool({ ...server.connection, max: 3, ...config })
    pools.push(pool)
    return pool
  }
  const newStore = (pool: Pool, schema: string) => {
    const store = createPostgresStore(pool, { schema, limits: { passwordRetryMs: 1 } })
    pool.on('error', () => {})
    stores.push(store)
    return store
  }
  const admin = newPool()
  const unusableFor = (message: RegExp) => (error: unknown) =>
    error instanceof UnusableStoreError && message.test(error.message)
  const rejection = (store: SessionStore) =>
    store.prepare!().then(
      () => undefined,
      (error: unknown) => error
    )

  await t.test('makes the tables, and tells the time', async (t) => {
    const store = newStore(admin, 'made')
    const { storeTime } = await store.prepare!()
    t.ok(Number.isSafeInteger(storeTime))
    t.ok((await store.prepare!()).storeTime >= storeTime, 'again')
  })

  await t.test('rejects with the reason of the database where waiting cannot help', async (t) => {
    await newStore(admin, 'granted').prepare!()
    await admin.query(`CREATE ROLE application LOGIN; GRANT USAGE ON SCHEMA granted TO application;
      GRANT SELECT ON ALL TABLES IN SCHEMA granted TO application`)
    const cases: [what: string, config: PoolConfig, schema: string, message: RegExp][] = [
      ['an unknown role', { user: 'nobody here' }, 'made', /role "nobody here" does not exist.*correct the user/],
      [
        'an unknown database',
        { database: 'nowhere' },
        'made',
        /database "nowhere" does not exist.*create the database/
      ],
      [
        'no right to create a schema',
        { user: 'application' },
        'forbidden',
        /permission denied for database postgres.*grant the pool's role/
      ],
      [
        'no right to create tables',
        { user: 'application' },
        'public',
        /permission denied for schema public.*grant the pool's role/
      ],
      [
        'no right to write',
        { user: 'application' },
        'granted',
        /permission denied for table auth_sessions.*grant SELECT, INSERT/
      ],
      [
        'another isolation level',
        { options: '-c default_transaction_isolation=serializable' },
        'made',
        /'read committed'.*received 'serializable'/
      ]
    ]
    for (const [what, config, schema, message] of cases) {
      const error = await rejection(newStore(newPool(config), schema))
      t.ok(unusableFor(message)(error), `${what}: ${error as Error}`)
    }
    await admin.query('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA granted TO application')
    await t.resolves(newStore(newPool({ user: 'application' }), 'granted').prepare!(), 'once the rights are granted')
    await admin.query('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA granted FROM PUBLIC')
    const error = await rejection(newStore(newPool({ user: 'application' }), 'granted'))
    t.ok(
      unusableFor(/permission denied for function auth_now.*grant the pool's role/)(error),
      `no right to call: ${error as Error}`
    )
    const ended = new Pool(server.connection)
    await ended.end()
    const endedError = await rejection(newStore(ended, 'made'))
    t.ok(unusableFor(/after calling end on the pool.*pass a pool that is open/)(endedError), `${endedError as Error}`)
  })

  await t.test('tries a password three times', async (t) => {
    const {
      rows: [{ hba_file: file }]
    } = await admin.query('SHOW hba_file')
    await admin.query("CREATE ROLE locked LOGIN SUPERUSER PASSWORD 'right'")
    await admin.query(
      `COPY (SELECT unnest(ARRAY['local all locked scram-sha-256', 'local all all trust'])) TO '${file}'`
    )
    await admin.query('SELECT pg_reload_conf()')
    const passwords = (...given: string[]) => {
      const left = [...given]
      return { left, store: newStore(newPool({ user: 'locked', password: () => left.shift()! }), 'made') }
    }
    const wrong = passwords('a', 'b', 'c', 'right')
    const error = await rejection(wrong.store)
    t.ok(
      unusableFor(/password authentication failed for user "locked".*correct the password/)(error),
      `${error as Error}`
    )
    t.strictSame(wrong.left, ['right'])
    await t.resolves(passwords('a', 'b', 'right', 'right').store.prepare!(), 'a password that is changed meanwhile')
    const none = await rejection(newStore(newPool({ user: 'locked' }), 'made'))
    t.ok(unusableFor(/password must be a string.*give the pool a password/)(none), `${none as Error}`)

    const app = fastify()
    const store = postgresStore(newPool({ user: 'locked', password: 'wrong' }), { schema: 'made' })
    app.register(authenticate, { issuer, secret, store })
    await t.rejects(
      async () => await app.ready(),
      { message: /^fastify-authenticate cannot use its store: .*password authentication failed/ },
      'a start that waits for its store as long as in production'
    )
    await app.close()
  })

  await t.test('rejects with an error that can pass where waiting helps, and resolves afterwards', async (t) => {
    const readOnly = await rejection(newStore(newPool({ options: '-c default_transaction_read_only=on' }), 'made'))
    t.strictSame(
      `${readOnly as Error}`,
      'Error: transactions are read-only in PostgreSQL (default_transaction_read_only)'
    )
    const away = (await rejection(newStore(newPool({ host: '/nowhere' }), 'made'))) as { code: string }
    t.notOk(away instanceof UnusableStoreError)
    t.equal(away.code, 'ENOENT')
    await admin.query(
      'CREATE ROLE crowded LOGIN SUPERUSER CONNECTION LIMIT 0; ALTER ROLE crowded NOSUPERUSER; GRANT ALL ON DATABASE postgres TO crowded'
    )
    const crowded = newStore(newPool({ user: 'crowded' }), 'of_crowded')
    t.match(await rejection(crowded), { code: '53300' })
    await admin.query('ALTER ROLE crowded CONNECTION LIMIT 5')
    await t.resolves(crowded.prepare!())
  })

  await t.test(
    'stops where a newer version has changed the schema in a way that this one cannot work with',
    async (t) => {
      const schema = 'newer'
      await newStore(admin, schema).prepare!()
      await admin.query(`INSERT INTO ${schema}.auth_schema (step, usable_from) VALUES ('998-added', '004-functions')`)
      await t.resolves(newStore(admin, schema).prepare!(), 'a step that this version can work with')
      await admin.query(`INSERT INTO ${schema}.auth_schema (step, usable_from) VALUES ('999-changed', '999-changed')`)
      const store = newStore(admin, schema)
      const error = await rejection(store)
      const message =
        'the PostgreSQL schema "newer" has the step "999-changed", which needs code that knows the step "999-changed": ' +
        'this version of fastify-authenticate knows the steps up to "004-functions"; update it'
      t.match(error, { name: 'UnusableStoreError', message })
      await t.rejects(store.find('a'), { message }, 'no call works either')
    }
  )

  await t.test('migrates a schema of the version before, and loses nothing', async (t) => {
    const client = await admin.connect()
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
      'CREATE ROLE kept LOGIN; GRANT USAGE ON SCHEMA older TO kept; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA older TO kept'
    )
    client.release(true)

    await newStore(admin, 'older').prepare!()
    const store = newStore(newPool({ user: 'kept' }), 'older')
    await t.resolves(store.prepare!(), 'rights that were granted hold')
    const subject = { issuers: [issuer, ''], sub: 'user' }
    t.match((await store.list(subject, { limit: 10 })).rows, [
      { id: 'a', issuer: '', repeatedGeneration: null },
      { id: 'b' }
    ])
    t.match(await store.revoke('revoked', ending), { revoked: { until: Number(revoked.until) } })
    t.match(await store.readRevocations(`${last.number}.${last.mark}`, 10), { entries: [], resumed: true })
    t.match((await store.readRevocations(null, 10)).entries, [{ id: 'revoked' }, { id: 'elsewhere' }])
    const late = { ...inserting, authenticatedAge: () => 60_000 }
    t.match(await store.insert({ ...newSession('late'), sub: 'signed out' }, late), { row: null })
    t.match(await store.rotate('a', rotation), { applied: true })
    t.equal(await store.sweep(), 1)
    t.match(await store.insert(newSession('new'), { ...inserting, revokeOthers: true }), {
      revoked: [{ id: 'a' }, { id: 'b' }]
    })
    t.match(await store.find('b'), { row: { revokedAt: Number } })
  })

  await t.test(
    'subscribe() leaves the pool one client that does not listen, however many stores share it',
    async (t) => {
      const pool = newPool({ max: 2 })
      const [first, second] = [newStore(pool, 'made'), newStore(pool, 'made')]
      await first.subscribe!(() => {})
      const none = {
        message: 'Cannot listen for revocations: the pool has no client to spare ("max" is 2, and 1 listen)'
      }
      await t.rejects(
        second.subscribe!(() => {}),
        none
      )
      t.match(await Promise.all([first.find('a'), second.find('a')]), [{ row: null }, { row: null }])
      t.strictSame([pool.totalCount, pool.idleCount], [2, 1])
      await first.close()
      t.strictSame([pool.totalCount, pool.idleCount], [1, 1])
      await t.rejects(
        first.subscribe!(() => {}),
        { message: 'Cannot subscribe: the store is closed' }
      )
      await t.resolves(
        second.subscribe!(() => {}),
        'the place that the first one gave back'
      )
      await t.rejects(
        newStore(newPool({ max: 1 }), 'made').subscribe!(() => {}),
        { message: /"max" is 1, and 0 listen/ }
      )
    }
  )

  await t.test(
    'subscribe() rejects with the reason where notifications do not arrive, as behind a pooler',
    async (t) => {
      // What a client sends reaches itself, if nobody else uses the connection behind it meanwhile.
      const connect = async () => {
        const client = new EventEmitter()
        return Object.assign(client, {
          release: () => {},
          async query(text: string) {
            if (text.includes('pg_notify')) client.emit('notification')
            return { rows: [] }
          }
        })
      }
      const deaf: PostgresPool = { on: () => {}, removeListener: () => {}, connect }
      const store = createPostgresStore(deaf, { schema: 'made', limits: { pushMs: 20 } })
      stores.push(store)
      await t.rejects(
        store.subscribe!(() => {}),
        { message: 'PostgreSQL did not deliver a notification: listening needs a session of its own' }
      )
    }
  )

  await t.test('subscribe() rejects with the reason while the server is away, and wakes when it is back', async (t) => {
    const pool = newPool()
    const store = newStore(pool, 'made')
    await server.crash()
    await t.rejects(
      store.subscribe!(() => {}),
      { code: /ENOENT|ECONNREFUSED/ }
    )
    const woken = new Promise<void>((resolve) => {
      store.subscribe!(resolve).catch(() => {})
    })
    await server.start()
    await woken
    t.pass('woken')
  })
})
