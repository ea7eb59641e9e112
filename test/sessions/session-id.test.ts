import t from 'tap'
import { createNewSessionId } from '../../plugin/sessions/session-id.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock } from '../fixtures/app.ts'
import { refresh } from '../fixtures/signed-in.ts'

t.test('newSessionId() makes 22 random characters for a store without newId()', async (t) => {
  const newSessionId = createNewSessionId({})
  const ids = Array.from({ length: 100 }, () => newSessionId('alice'))
  t.equal(new Set(ids).size, 100)
  for (const id of ids) t.match(id, /^[\w-]{22}$/)
})

t.test('newSessionId() refuses what newId() returns unless it fits into a refresh token', async (t) => {
  const a = 'a'.repeat(22)
  for (const id of [`eu1~${a}`, a, '_-'.repeat(32)]) t.equal(createNewSessionId({ newId: () => id })('alice'), id)
  for (const id of ['', 'short', 'a'.repeat(65), `eu1.${a}`, `eu1 ${a}`, `${a}\n`, `é${a}`, null, undefined, 22]) {
    t.throws(() => createNewSessionId({ newId: () => id as string })('alice'), {
      code: 'AUTH_STORE_UNAVAILABLE',
      detail: 'newId() of the store must return 22 to 64 characters of A–Z, a–z, 0–9, "-", "_" and "~"'
    })
  }
})

t.test('signIn() uses the ids of the store, in the refresh token and in "sid"', async (t) => {
  let made = 0
  const newId = (sub: string) => `${sub}~${'A'.repeat(21)}${made++}`
  const server = await createApp({ plugin: { store: { ...memoryStore({ clock: createClock() }), newId } } })
  const { sessionId, refresh: token } = await server.signIn('bearer')
  t.equal(sessionId, `alice~${'A'.repeat(21)}0`)
  t.equal(token.split('.')[1], sessionId)
  t.match(await refresh(server, token), { statusCode: 200 })
})
