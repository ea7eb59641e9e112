import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createNewSessionId } from '../../plugin/sessions/session-id.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { NewSession, SessionStore } from '../../plugin/stores/session-store.ts'
import { createApp, createClock } from '../fixtures/app.ts'
import { refresh } from '../fixtures/signed-in.ts'

const random = randomBytes(16)

t.test('newSessionId() encodes the random bits for a store without newId()', async (t) => {
  t.equal(createNewSessionId({})('alice', random), random.toString('base64url'))
})

t.test('signIn() gives each session an id and a key of 128 bits, which share none', async (t) => {
  const inserted: NewSession[] = []
  const store = memoryStore({ clock: createClock() })
  const insert: SessionStore['insert'] = async (session, options) => {
    inserted.push(session)
    return await store.insert(session, options)
  }
  const server = await createApp({ plugin: { store: { ...store, insert } } })
  for (let count = 0; count < 50; count++) await server.signIn('bearer')
  const values = inserted.flatMap(({ id, sessionKey }) => [id, sessionKey])
  t.equal(new Set(values).size, 100)
  for (const value of values) t.match(value, /^[\w-]{21}[AQgw]$/)
})

t.test('newSessionId() refuses what newId() returns unless it fits into a refresh token', async (t) => {
  const a = 'a'.repeat(22)
  for (const id of [`eu1~${a}`, a, '_-'.repeat(32)]) {
    t.equal(createNewSessionId({ newId: () => id })('alice', random), id)
  }
  for (const id of ['', 'short', 'a'.repeat(65), `eu1.${a}`, `eu1 ${a}`, `${a}\n`, `é${a}`, null, undefined, 22]) {
    t.throws(() => createNewSessionId({ newId: () => id as string })('alice', random), {
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
