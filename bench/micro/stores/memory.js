import { memoryStore } from '../../../dist/stores/memory.js'
import { session } from '../session.js'

export async function open () {
  const store = memoryStore()
  return {
    store,
    async fill (count) {
      for (let number = 1; number <= count; number++) await store.insert(session(number), { end: [], lifetimeSeconds: 600 })
    },
    async bytes () {
      global.gc()
      return process.memoryUsage().heapUsed
    }
  }
}
