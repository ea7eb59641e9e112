import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'
import { ending, inserting, newSession } from '../../fixtures/store-values.ts'

const directory = t.testdir()

t.test('sqliteStore() rejects calls when its file was deleted or replaced, until it is put back', async (t) => {
  const folder = join(directory, 'moved')
  mkdirSync(folder)
  const file = join(directory, 'moved.db')
  const store = sqliteStore(new DatabaseSync(file))
  await store.insert(newSession(), inserting)
  const move = (from: string, to: string) => {
    for (const end of ['', '-wal', '-shm']) renameSync(from + end, to + end)
  }
  const calls = {
    find: () => store.find('session'),
    insert: () => store.insert(newSession({ id: 'new' }), inserting),
    revoke: () => store.revoke('session', ending),
    readRevocations: () => store.readRevocations(null, 10),
    sweep: () => store.sweep(),
    prepare: () => store.prepare!()
  }
  move(file, join(folder, 'kept.db'))
  for (const [name, call] of Object.entries(calls)) {
    await t.rejects(
      async () => await call(),
      { name: 'UnusableStoreError', message: /moved\.db was deleted after it was opened/ },
      name
    )
  }
  const another = new DatabaseSync(file)
  sqliteStore(another)
  for (const [name, call] of Object.entries(calls)) {
    await t.rejects(
      async () => await call(),
      { name: 'UnusableStoreError', message: /moved\.db was replaced by another file/ },
      name
    )
  }
  another.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  move(file, join(folder, 'other.db'))
  move(join(folder, 'kept.db'), file)
  t.match(await store.find('session'), { row: { id: 'session', revokedAt: null } })
  t.equal((await store.find('new')).row, null)
})
