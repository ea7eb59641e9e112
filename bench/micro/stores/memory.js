import { memoryStore } from '../../../dist/stores/memory.js'
import { inserting, session } from '../session.js'

export async function open() {
  const store = memoryStore()
  return {
    store,
    async fill(count) {
      for (let number = 1; number <= count; number++) await store.insert(session(number), inserting)
    },
    async bytes() {
      global.gc()
      return process.memoryUsage().heapUsed
    }
  }
}
