import fastify from 'fastify'
import { Pool } from 'pg'
import type { PoolConfig } from 'pg'
import t from 'tap'
import authenticate from '../../../plugin/index.ts'
import { postgresStore } from '../../../plugin/stores/postgres.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import { secret } from '../../fixtures/app.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { startPostgresStores } from '../../fixtures/postgres-store.ts'
import { inserting, issuer, newSession } from '../../fixtures/store-values.ts'

const unusableFor = (message: RegExp) => (error: unknown) =>
  error instanceof UnusableStoreError && message.test(error.message)
const rejection = (store: SessionStore) =>
  store.prepare!().then(
    () => undefined,
    (error: unknown) => error
  )

t.test('createPreparation()', { skip }, async (t) => {
  const { server, pool: admin, newPool, newSchema, newStore: openStore } = await startPostgresStores(t)
  const newStore = (pool: Pool, { schema }: { schema: string }) =>
    openStore(pool, { schema, limits: { passwordRetryMs: 1 } })

  await t.test('prepare() creates the tables and resolves to the time', async (t) => {
    const store = newStore(admin, { schema: 'made' })
    const { storeTime } = await store.prepare!()
    t.ok(Number.isSafeInteger(storeTime))
    t.ok((await store.prepare!()).storeTime >= storeTime, 'again')
  })

  await t.test('prepare() rejects with the reason of the database if waiting cannot help', async (t) => {
    await newStore(admin, { schema: 'granted' }).prepare!()
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
        'no permission to create a schema',
        { user: 'application' },
        'forbidden',
        /permission denied for database postgres.*grant the pool's role/
      ],
      [
        'no permission to create tables',
        { user: 'application' },
        'public',
        /permission denied for schema public.*grant the pool's role/
      ],
      [
        'no permission to write',
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
      const error = await rejection(newStore(newPool(config), { schema }))
      t.ok(unusableFor(message)(error), `${what}: ${error as Error}`)
    }
    await admin.query('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA granted TO application')
    await t.resolves(
      newStore(newPool({ user: 'application' }), { schema: 'granted' }).prepare!(),
      'once the permissions are granted'
    )
    await admin.query('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA granted FROM PUBLIC')
    const error = await rejection(newStore(newPool({ user: 'application' }), { schema: 'granted' }))
    t.ok(
      unusableFor(/permission denied for function auth_now.*grant the pool's role/)(error),
      `no permission to call: ${error as Error}`
    )
    const ended = new Pool(server.connection)
    await ended.end()
    const endedError = await rejection(newStore(ended, { schema: 'made' }))
    t.ok(unusableFor(/after calling end on the pool.*pass a pool that is open/)(endedError), `${endedError as Error}`)
  })

  await t.test('prepare() tries a refused password three times', async (t) => {
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
      return { left, store: newStore(newPool({ user: 'locked', password: () => left.shift()! }), { schema: 'made' }) }
    }
    const wrong = passwords('a', 'b', 'c', 'right')
    const error = await rejection(wrong.store)
    t.ok(
      unusableFor(/password authentication failed for user "locked".*correct the password/)(error),
      `${error as Error}`
    )
    t.strictSame(wrong.left, ['right'])
    await t.resolves(passwords('a', 'b', 'right', 'right').store.prepare!(), 'a password that is changed meanwhile')
    const none = await rejection(newStore(newPool({ user: 'locked' }), { schema: 'made' }))
    t.ok(unusableFor(/password must be a string.*give the pool a password/)(none), `${none as Error}`)

    const app = fastify()
    const store = postgresStore(newPool({ user: 'locked', password: 'wrong' }), { schema: 'made' })
    app.register(authenticate, { issuer, secret, store })
    await t.rejects(
      async () => await app.ready(),
      { message: /^fastify-authenticate cannot use its store: .*password authentication failed/ },
      'the start of an application'
    )
    await app.close()
  })

  await t.test('prepare() rejects with the error if waiting helps, and resolves afterwards', async (t) => {
    const readOnly = await rejection(
      newStore(newPool({ options: '-c default_transaction_read_only=on' }), { schema: 'made' })
    )
    t.strictSame(
      `${readOnly as Error}`,
      'Error: transactions are read-only in PostgreSQL (default_transaction_read_only)'
    )
    const away = (await rejection(newStore(newPool({ host: '/nowhere' }), { schema: 'made' }))) as { code: string }
    t.notOk(away instanceof UnusableStoreError)
    t.equal(away.code, 'ENOENT')
    await admin.query(
      `CREATE ROLE crowded LOGIN SUPERUSER CONNECTION LIMIT 0; ALTER ROLE crowded NOSUPERUSER;
      GRANT ALL ON DATABASE postgres TO crowded`
    )
    const crowded = newStore(newPool({ user: 'crowded' }), { schema: 'of_crowded' })
    t.match(await rejection(crowded), { code: '53300' })
    await admin.query('ALTER ROLE crowded CONNECTION LIMIT 5')
    await t.resolves(crowded.prepare!())
  })

  await t.test('prepare() rejects an isolation level under which a sign-in could miss a revokeAll()', async (t) => {
    const pool = newPool({ options: '-c default_transaction_isolation=repeatable\\ read' })
    await t.rejects(newStore(pool, { schema: newSchema() }).insert(newSession(), inserting), {
      message: /read committed/
    })
  })
})
