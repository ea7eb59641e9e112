import { readFileSync } from 'node:fs'
import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { storeContract } from '../../plugin/stores/contract.ts'
import { skip as skipWithoutPostgres, startPostgres } from '../fixtures/postgres-server.ts'
import { skipWithoutRedis, startRedis } from '../fixtures/redis-server.ts'
import { byTwos, run } from './commands.ts'
import { consumer, link, ownPackage, projectPackage, write } from './consumer.ts'

t.setTimeout(280_000)
const node = process.execPath
const deno = [
  node,
  ownPackage('deno/bin.cjs'),
  'run',
  '--no-prompt',
  '--allow-net',
  '--allow-env',
  '--allow-read'
] as const
const runtimes = { Bun: [ownPackage('.bin/bun')], Deno: deno } as const

const { folder } = await consumer(t)
for (const name of ['server', 'contract']) {
  write(folder, { [`${name}.mjs`]: readFileSync(new URL(`consumer/${name}.js`, import.meta.url), 'utf8') })
}
const clients = ['ioredis', 'redis', 'pg', '@photostructure/sqlite']
link(folder, Object.fromEntries(clients.map((name) => [name, projectPackage(name)])))

const expected = [
  'GET /notes 401 AUTH_NO_CREDENTIALS',
  'POST /login 200',
  'GET /notes 200 alice cookie',
  'HEAD /notes 200',
  'POST /refresh 200',
  'GET /notes 200 alice cookie',
  'POST /refresh 403 AUTH_CROSS_SITE',
  'POST /token 200',
  'GET /notes 200 alice header',
  'GET /notes 401 AUTH_INVALID_TOKEN',
  'POST /logout 204',
  'GET /notes 401 AUTH_REVOKED_TOKEN',
  'Ed25519 undefined'
].join('\n')

for (const [name, command] of Object.entries({ Node: [node] as const, ...runtimes })) {
  t.test(`${name}: a server signs users in, refreshes, and signs them out, by cookies and by headers`, async (t) => {
    t.strictSame(await run([...command, 'server.mjs'], { cwd: folder }), { status: 0, text: expected })
  })
}

t.test('Bun: its own clients of databases are refused at the start', async (t) => {
  write(folder, {
    'clients.mjs': `
      import { RedisClient, SQL } from 'bun'
      import { Database } from 'bun:sqlite'
      import { postgresStore } from 'fastify-authenticate/stores/postgres'
      import { redisStore } from 'fastify-authenticate/stores/redis'
      import { sqliteStore } from 'fastify-authenticate/stores/sqlite'

      const attempts = [
        () => sqliteStore(new Database(':memory:')),
        () => postgresStore(new SQL('postgres://127.0.0.1:1/auth')),
        () => redisStore(new RedisClient('redis://127.0.0.1:1'))
      ]
      for (const attempt of attempts) {
        try {
          attempt()
          console.log('accepted')
        } catch (error) {
          console.log(error.name, error.message.replace(/ must .*/, ''))
        }
      }
      process.exit()`
  })
  t.strictSame(await run([...runtimes.Bun, 'clients.mjs'], { cwd: folder }), {
    status: 0,
    text: [
      'TypeError Cannot create a sqliteStore: "database"',
      'TypeError Cannot create a postgresStore: "pool"',
      'TypeError Cannot create a redisStore: "client"'
    ].join('\n')
  })
})

const promises = storeContract(async () => ({ store: memoryStore(), async close() {} })).length
const skip = skipWithoutRedis.skip || skipWithoutPostgres

t.test('Bun and Deno: every store keeps every promise of the contract', { skip }, async (t) => {
  const [redis, postgres] = [await startRedis(), await startPostgres()]
  t.teardown(async () => {
    await Promise.all([redis.stop(), postgres.stop()])
  })
  const stores = [
    ['memory', ''],
    ['sqlite', 'node:sqlite'],
    ['sqlite', '@photostructure/sqlite'],
    ['ioredis', redis.path],
    ['node-redis', redis.path],
    ['postgres', postgres.connection.host]
  ] as const
  // Databases are files, Unix sockets and native code here: what Deno would ask for.
  const all = { Bun: runtimes.Bun, Deno: [node, ownPackage('deno/bin.cjs'), 'run', '--allow-all'] } as const
  const rows = Object.entries(all).flatMap(([name, command]) => stores.map((store) => ({ name, command, store })))
  const found = await byTwos(rows, ({ command, store }) => run([...command, 'contract.mjs', ...store], { cwd: folder }))
  for (const [index, { name, store }] of rows.entries()) {
    t.strictSame(found[index], { status: 0, text: `${promises} promises kept` }, `${name}: ${store.join(' ')}`)
  }
})
