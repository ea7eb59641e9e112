import t from 'tap'
import { storeContract } from '../../../plugin/stores/contract.ts'
import type { OpenStore } from '../../../plugin/stores/contract.ts'
import { postgresStore } from '../../../plugin/stores/postgres.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { startPostgresStores } from '../../fixtures/postgres-store.ts'

t.test('postgresStore() fulfils the contract', { skip }, async (t) => {
  const { pool, otherPool, newSchema } = await startPostgresStores(t)
  /** A store takes about 0.1 s to create its schema. */
  const emptySchemas: string[] = []
  async function open(): Promise<OpenStore> {
    const schema = emptySchemas.pop() ?? newSchema()
    const opened = [postgresStore(pool, { schema })]
    return {
      store: opened[0]!,
      another: async () => {
        opened[1] = postgresStore(otherPool, { schema })
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
  for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
})
