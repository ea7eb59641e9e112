import t from 'tap'
import { storeContract } from '../../../plugin/stores/contract.ts'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import type { OpenStore } from '../../../plugin/stores/contract.ts'
import { postgresStore } from '../../../plugin/stores/postgres.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { startPostgresStores } from '../../fixtures/postgres-store.ts'

/** Calls of `find()` and `rotate()` that share a statement, because another one is under way. */
function sharingStatements(store: SessionStore): SessionStore {
  return {
    ...store,
    async find(id) {
      const [, result] = await Promise.all([store.find('another'), store.find(id)])
      return result
    },
    async rotate(id, change) {
      const [, result] = await Promise.all([store.rotate('another', change), store.rotate(id, change)])
      return result
    }
  }
}

t.test('postgresStore() fulfils the contract', { skip }, async (t) => {
  const { pool, otherPool, newSchema } = await startPostgresStores(t)
  /** A store takes about 0.1 s to create its schema. */
  const emptySchemas: string[] = []
  async function open(wrap: (store: SessionStore) => SessionStore): Promise<OpenStore> {
    const schema = emptySchemas.pop() ?? newSchema()
    const opened = [wrap(postgresStore(pool, { schema }))]
    return {
      store: opened[0]!,
      another: async () => {
        opened[1] = wrap(postgresStore(otherPool, { schema }))
        return opened[1]
      },
      async close() {
        for (const store of opened) await store.close()
        const tables = ['auth_sessions', 'auth_subjects', 'auth_feed'].map((table) => `${schema}.${table}`)
        await pool.query(`TRUNCATE ${tables.join()} RESTART IDENTITY`)
        emptySchemas.push(schema)
      }
    }
  }
  for (const { name, run } of storeContract(() => open((store) => store))) await t.resolves(run(), name)
  for (const { name, run } of storeContract(() => open(sharingStatements))) {
    if (/find\(\)|rotate\(\)/.test(name)) await t.resolves(run(), `${name}, in shared statements`)
  }
})
