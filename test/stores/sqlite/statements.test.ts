import t from 'tap'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import type { SqliteDatabase } from '../../../plugin/stores/sqlite.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'

t.test('prepareStatements() prepares no statement that reads a whole table', async (t) => {
  const database = new DatabaseSync(':memory:')
  const prepared: string[] = []
  sqliteStore({
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      prepared.push(sql)
      return database.prepare(sql) as unknown as ReturnType<SqliteDatabase['prepare']>
    }
  })
  const statements = prepared.filter((sql) => /auth_(sessions|feed|subjects)/.test(sql))
  t.ok(statements.length > 20)
  for (const sql of statements) {
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => (row as { detail: string }).detail)
    t.strictSame(
      plan.filter((step) => /^SCAN (auth_|sessions|subjects)/.test(step)),
      [],
      sql
    )
  }
})
