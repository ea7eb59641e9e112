import t from 'tap'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import type { SqliteDatabase } from '../../plugin/stores/sqlite.ts'
import { DatabaseSync } from '../fixtures/sqlite.ts'

t.test("sqliteStore() throws a TypeError for a prefix that no table's name can begin with", async (t) => {
  const database = new DatabaseSync(':memory:')
  for (const prefix of [
    '',
    'Auth',
    '1a',
    'a-b',
    'a b',
    'a"; DROP TABLE users; --',
    'sqlite',
    'sqlite_a',
    'a'.repeat(42),
    'é',
    null,
    7
  ]) {
    t.throws(
      () => sqliteStore(database, { prefix: prefix as string }),
      {
        name: 'TypeError',
        message: /^Cannot create a sqliteStore: "prefix" must be 1 to 41 lower-case letters.*: received /
      },
      String(prefix)
    )
  }
  for (const prefix of ['a', 'sqlites', 'my_app2', 'a'.repeat(41)]) {
    t.doesNotThrow(() => sqliteStore(database, { prefix }))
  }
})

t.test('sqliteStore() throws a TypeError for anything that is not an open client', async (t) => {
  const closed = new DatabaseSync(':memory:')
  closed.close()
  /** The methods of a client of `bun:sqlite`. */
  const ofBun = { exec() {}, prepare() {}, query() {} }
  const received = (what: string) => ({
    name: 'TypeError',
    message:
      'Cannot create a sqliteStore: "database" must be an open client of node:sqlite or @photostructure/sqlite, ' +
      `made by new DatabaseSync(path): received ${what}`
  })
  for (const [given, what] of [
    ['auth.db', 'a string'],
    [{}, 'a plain object'],
    [undefined, 'undefined'],
    [null, 'null'],
    [DatabaseSync, 'a function'],
    [closed, 'a closed client'],
    [ofBun, 'a client of bun:sqlite']
  ] as const) {
    t.throws(() => sqliteStore(given as unknown as SqliteDatabase), received(what), what)
  }
})
