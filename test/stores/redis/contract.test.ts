import t from 'tap'
import { storeContract } from '../../../plugin/stores/contract.ts'
import { redisStore } from '../../../plugin/stores/redis.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { kinds, serve } from '../../fixtures/redis-store.ts'

for (const kind of kinds) {
  t.test(`redisStore() fulfils the contract with ${kind}`, skipWithoutRedis, async (t) => {
    const { connectClient } = await serve(t)
    const [client, anotherClient] = [await connectClient(kind), await connectClient(kind)]
    let opened = 0
    const open = async () => {
      const prefix = `contract ${++opened}`
      const [store, another] = [redisStore(client, { prefix }), redisStore(anotherClient, { prefix })]
      return {
        store,
        another: async () => another,
        async close() {
          await Promise.all([store.close(), another.close()])
        }
      }
    }
    for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
  })
}
