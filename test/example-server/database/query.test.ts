import t from 'tap'
import { sql, textOf } from '../../../example-server/database/query.ts'

t.test('sql sends values beside the text, so that none becomes SQL', (t) => {
  const name = "' OR 1=1; DROP TABLE users --"
  const statement = sql`SELECT id FROM users WHERE name = ${name} AND demo = ${false}`
  t.equal(textOf(statement), 'SELECT id FROM users WHERE name = $1 AND demo = $2')
  t.strictSame(statement.values, [name, false])
  t.end()
})

t.test('sql makes another sql a part of the statement, and counts its values', (t) => {
  const isNew = sql`created_at > ${new Date(5)}`
  const isListed = sql`${isNew} AND ${sql`disabled_at IS NULL`}`
  const statement = sql`SELECT ${sql`id, name`} FROM users WHERE id > ${'a'} AND ${isListed} LIMIT ${10}`
  t.equal(
    textOf(statement),
    'SELECT id, name FROM users WHERE id > $1 AND created_at > $2 AND disabled_at IS NULL LIMIT $3'
  )
  t.strictSame(statement.values, ['a', new Date(5), 10])
  t.end()
})

t.test('sql takes a list, a date and null as values', (t) => {
  t.strictSame(sql`${['strings']}, ${new Date(0)}, ${null}`.values, [['strings'], new Date(0), null])
  t.end()
})
