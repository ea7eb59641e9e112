import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('notes belong to their owner, and are limited in number and length', async (t) => {
  const { app, database, signIn } = await createInjected(t)
  const [bob, carol] = [await signIn('bob'), await signIn('carol')]
  const write = async ({ headers }: typeof bob, text: string) =>
    await app.inject({ method: 'POST', url: '/notes', headers, payload: { text } })
  const remove = async ({ headers }: typeof bob, id: string) =>
    await app.inject({ method: 'DELETE', url: `/notes/${id}`, headers })
  const list = async ({ headers }: typeof bob) => (await app.inject({ url: '/notes', headers })).json()

  const note = (await write(bob, 'Grüße ✓')).json()
  t.match(note, { id: /^[\da-f-]{36}$/, text: 'Grüße ✓', created_at: /^\d{4}-/ })
  t.strictSame(await list(bob), [note])
  t.strictSame(await list(carol), [])
  t.strictSame(summaryOf(await remove(carol, note.id)), [404, 'NOT_FOUND'])
  t.equal((await remove(bob, note.id)).statusCode, 204)
  t.strictSame(summaryOf(await remove(bob, note.id)), [404, 'NOT_FOUND'])
  const reader = await signIn('bob', { scope: 'notes:read' })
  t.strictSame(summaryOf(await write(reader, 'x')), [403, 'AUTH_INSUFFICIENT_SCOPE'])

  // Between two writes the server must see that it is not overloaded.
  const add = async (id: string, text: string) => await setImmediate(await database.notes.add(id, text))
  for (let count = 0; count < 1000; count++) await add(bob.sub, 'x')
  t.strictSame(summaryOf(await write(bob, 'one more')), [409, 'NOTES_FULL'])
  for (let count = 0; count < 99; count++) await add(carol.sub, 'x'.repeat(10_000))
  t.equal((await write(carol, 'x'.repeat(9_990))).statusCode, 201)
  t.strictSame(
    summaryOf(await write(carol, '11 chars !!')),
    [409, 'NOTES_FULL'],
    'more than a million characters in all'
  )
  t.equal((await write(carol, '10 chars !')).statusCode, 201)
})
