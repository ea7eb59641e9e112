// The store of docs/custom-store.md, as a reader would copy it.
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import t from 'tap'
import { storeContract } from '../../plugin/stores/contract.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { importBlock } from './printed-code.ts'

interface Module {
  lmdbStore(root: RootDatabase): SessionStore
}
const { lmdbStore } = await importBlock<Module>('docs/custom-store.md', 'file lmdb-store.ts')

const folder = t.testdir()
let count = 0
async function openStore() {
  // The disk is not what is tested here.
  const database = open({ path: join(folder, `${++count}.lmdb`), noSync: true })
  return { store: lmdbStore(database), another: async () => lmdbStore(database), close: () => database.close() }
}

for (const { name, run } of storeContract(openStore)) t.test(`lmdbStore(): ${name}`, run)
