import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock } from '../fixtures/app.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const isUndefined = (name: string) => `"${name}" is undefined: give it a value, or leave it out`

t.test('app.sessions throws for a member that is undefined or unknown, and ends nothing', async (t) => {
  const server = await createApp()
  const { sessionId, access } = await server.signIn('bearer')
  const { list, revoke, revokeAll } = server.app.sessions as unknown as Record<
    string,
    (...given: unknown[]) => Promise<unknown>
  >
  const text = (name: string) => `"${name}" must be a non-empty string`
  const rows: [string, () => Promise<unknown>, string][] = [
    ['revoke: sub undefined', () => revoke!(sessionId, { sub: undefined }), isUndefined('sub')],
    ['revoke: options undefined', () => revoke!(sessionId, undefined), isUndefined('options')],
    ...[null, '', 7, ['alice']].map((sub): (typeof rows)[0] => [
      `revoke: sub ${JSON.stringify(sub)}`,
      () => revoke!(sessionId, { sub }),
      text('sub')
    ]),
    ['revoke: a typo', () => revoke!(sessionId, { subject: 'mallory' }), 'unknown member "subject": expected sub'],
    ...[null, 'mallory', ['mallory']].map((given): (typeof rows)[0] => [
      `revoke: ${JSON.stringify(given)}`,
      () => revoke!(sessionId, given),
      '"options" must be an object'
    ]),
    ['revokeAll: except undefined', () => revokeAll!('alice', { except: undefined }), isUndefined('except')],
    ['revokeAll: options undefined', () => revokeAll!('alice', undefined), isUndefined('options')],
    ...['', 7, [sessionId]].map((except): (typeof rows)[0] => [
      `revokeAll: except ${JSON.stringify(except)}`,
      () => revokeAll!('alice', { except }),
      text('except')
    ]),
    ['revokeAll: a typo', () => revokeAll!('alice', { expect: sessionId }), 'unknown member "expect": expected except'],
    ['revokeAll: nobody', () => revokeAll!(undefined), text('sub')],
    ['list: nobody', () => list!(undefined), text('sub')]
  ]
  for (const [what, call, message] of rows) await t.rejects(call(), { name: 'TypeError', message }, what)
  t.strictSame(server.events(), [])
  t.equal((await server.app.inject({ url: '/me', headers: bearer(access) })).statusCode, 200, 'the session is live')

  t.equal(await server.app.sessions.revoke(sessionId, { sub: 'mallory' }), false)
  t.equal(await server.app.sessions.revoke(sessionId, { sub: 'alice' }), true)
  const [one, two] = [(await server.signIn('bearer')).sessionId, (await server.signIn('bearer')).sessionId]
  t.equal(await server.app.sessions.revoke(one), true, "without options, whoever's it is")
  t.equal(await server.app.sessions.revokeAll('alice', { except: two }), 0)
  t.equal(await server.app.sessions.revokeAll('alice', { except: null }), 1, 'null keeps none')
  await server.signIn('bearer')
  t.equal(await server.app.sessions.revokeAll('alice', {}), 1)
  t.equal(await server.app.sessions.revokeAll('alice'), 0)
})

t.test('app.sessions passes no text to the store that a database cannot hold', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  const calls: unknown[] = []
  const store: typeof memory = {
    ...memory,
    async revokeAll(...given) {
      calls.push([given[0].sub, given[1].except])
      return await memory.revokeAll(...given)
    }
  }
  const { app } = await createApp({ plugin: { store, clock } })
  for (const text of ['a\u0000', '\ud800', 'a'.repeat(3000)]) {
    t.strictSame(await app.sessions.list(text), [])
    t.equal(await app.sessions.revoke(text), false)
    t.equal(await app.sessions.revoke('session', { sub: text }), false)
    t.equal(await app.sessions.revokeAll(text), 0)
    t.strictSame(calls.splice(0), [])
    t.equal(await app.sessions.revokeAll('alice', { except: text }), 0)
    t.strictSame(calls.splice(0), [['alice', undefined]], 'it keeps no session')
  }
  await app.sessions.revokeAll('alice', { except: 'session' })
  t.strictSame(calls, [['alice', 'session']])
})
