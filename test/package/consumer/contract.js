// contract.js STORE PLACE: runs the contract of stores, prints what fails, and how many promises were kept.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeContract } from 'fastify-authenticate/stores/contract'

const [kind, place] = process.argv.slice(2)
const name = () => `s${crypto.randomUUID().replaceAll('-', '')}`

/** Each returns two clients of a new place, and how to make a store of a client. */
const kinds = {
  async memory() {
    const { memoryStore } = await import('fastify-authenticate/stores/memory')
    return async () => ({ store: memoryStore(), async close() {} })
  },
  async sqlite() {
    const { DatabaseSync } = await import(place)
    const { sqliteStore } = await import('fastify-authenticate/stores/sqlite')
    const folder = mkdtempSync(join(tmpdir(), 'contract-'))
    return async () => {
      const file = join(folder, name())
      const databases = [new DatabaseSync(file), new DatabaseSync(file)]
      return {
        store: sqliteStore(databases[0]),
        another: async () => sqliteStore(databases[1]),
        async close() {
          for (const database of databases) database.close()
        }
      }
    }
  },
  async ioredis() {
    const { Redis } = await import('ioredis')
    return await redis(async () => new Redis(place))
  },
  async 'node-redis'() {
    const { createClient } = await import('redis')
    return await redis(() => createClient({ socket: { path: place, tls: false } }).connect())
  },
  async postgres() {
    const { default: pg } = await import('pg')
    const { postgresStore } = await import('fastify-authenticate/stores/postgres')
    const pools = [1, 2].map(() => new pg.Pool({ host: place, user: 'postgres', database: 'postgres', max: 4 }))
    const empty = []
    return async () => {
      const schema = empty.pop() ?? name()
      const stores = pools.map((pool) => postgresStore(pool, { schema }))
      return pair(stores, async () => {
        const tables = ['auth_sessions', 'auth_subjects', 'auth_feed'].map((table) => `${schema}.${table}`)
        await pools[0].query(`TRUNCATE ${tables.join()} RESTART IDENTITY`)
        empty.push(schema)
      })
    }
  }
}

async function redis(connect) {
  const { redisStore } = await import('fastify-authenticate/stores/redis')
  const clients = [await connect(), await connect()]
  return async () => {
    const prefix = name()
    return pair(clients.map((client) => redisStore(client, { prefix })))
  }
}

function pair(stores, clear = async () => {}) {
  return {
    store: stores[0],
    another: async () => stores[1],
    async close() {
      await Promise.all(stores.map((store) => store.close()))
      await clear()
    }
  }
}

let kept = 0
for (const { name, run } of storeContract(await kinds[kind]())) {
  try {
    await run()
    kept++
  } catch (error) {
    console.log(`${name}: ${error.stack}`)
  }
}
console.log(`${kept} promises kept`)
process.exit()
