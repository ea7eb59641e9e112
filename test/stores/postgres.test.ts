import { Client, Pool } from 'pg'
import t from 'tap'
import { postgresStore } from '../../plugin/stores/postgres.ts'
import type { PostgresPool } from '../../plugin/stores/postgres.ts'

t.test('postgresStore() throws a TypeError for anything that is not a pool', async (t) => {
  const needed =
    'Cannot create a postgresStore: "pool" must be a Pool of pg, made by new Pool({ connectionString }): received'
  const wrong: [unknown, string][] = [
    ['postgres://user:secret@localhost/db', 'a string'],
    [new Client(), 'a Client'],
    [{}, 'a plain object'],
    [Pool, 'a function'],
    [undefined, 'undefined'],
    [null, 'null']
  ]
  for (const [pool, received] of wrong) {
    t.throws(
      () => postgresStore(pool as PostgresPool),
      { name: 'TypeError', message: `${needed} ${received}` },
      received
    )
  }
})

t.test('postgresStore() throws a TypeError for a schema that would need quotes', async (t) => {
  const pool = { connect: () => Promise.reject(new Error('no')), on: () => {}, removeListener: () => {} }
  for (const schema of ['', 'a b', 'a"b', "a'", 'ä', 'a'.repeat(41)]) {
    t.throws(
      () => postgresStore(pool, { schema }),
      { name: 'TypeError', message: /"schema" must be 1 to 40 letters/ },
      schema
    )
  }
  await t.rejects(postgresStore(pool).find('a'), { message: 'no' })
})
