import t from 'tap'
import { createAuth, type AuthOptions } from '../../client/index.js'
import { clientApp, holding, until } from '../fixtures/client-app.ts'

t.test('createAuth() names a wrong option, what was expected, and what was received', async (t) => {
  const baseUrl = 'https://api.example.com'
  const required = { baseUrl, refresh: '/refresh' }
  const memory = { getItem() {}, toString: () => 'memory' }
  const other = 'https://other.example.com/me'
  const rows: [problem: string, options: object][] = [
    ['"baseUrl" must be an http(s) URL: received undefined', { refresh: '/refresh' }],
    [`"refresh" must be a URL at ${baseUrl}: received `, { baseUrl }],
    [`"refresh" must be a URL at ${baseUrl}: received ${other}`, { baseUrl, refresh: other }],
    [
      `"me" must be a URL at ${baseUrl}: received //other.example.com/me`,
      { ...required, me: '//other.example.com/me' }
    ],
    [`"me" must be a URL at ${baseUrl}: received undefined`, { ...required, me: undefined }],
    [`"signOut" must be a URL at ${baseUrl}: received `, { ...required, signOut: '' }],
    ['"transport" must be cookie or bearer: received header', { ...required, transport: 'header' }],
    ['"storage" must be a Storage, with the transport bearer: received memory', { ...required, storage: memory }],
    [
      '"storage" must be a Storage, with the transport bearer: received local',
      { ...required, transport: 'bearer', storage: 'local' }
    ],
    ['"fetch" must be a function: received [object Object]', { ...required, fetch: {} }],
    ['"leadSeconds" must be at least 0: received -1', { ...required, leadSeconds: -1 }],
    ['"leadSeconds" must be at least 0: received NaN', { ...required, leadSeconds: NaN }],
    ['"logout" must be absent: received /logout', { ...required, logout: '/logout' }],
    ['"constructor" must be absent: received /logout', { ...required, constructor: '/logout' }]
  ]
  for (const [problem, options] of rows) {
    const message = `createAuth(): ${problem}`
    t.throws(() => createAuth(options as AuthOptions), { name: 'TypeError', message }, message)
  }
})

for (const transport of ['cookie', 'bearer'] as const) {
  t.test(`tabs share one session, by ${transport}`, async (t) => {
    const { tab, signIn, seen, advance, app } = await clientApp(t, transport)
    const tabs = [tab(), tab(), tab()]
    const users = () => tabs.map(({ auth }) => auth.user?.sub ?? auth.user)
    t.strictSame(users(), [undefined, undefined, undefined])
    await until(() => users().every((user) => user === null))

    await signIn(tabs[0]!, 'alice')
    await until(() => users().every((user) => user === 'alice'))
    t.strictSame(
      tabs.map(({ events }) => events.splice(0)),
      tabs.map(() => ['signed-out', 'signed-in'])
    )

    seen()
    advance(601)
    const responses = await Promise.all(tabs.flatMap(({ auth }) => [auth.fetch('/me'), auth.fetch('/me')]))
    t.strictSame(
      responses.map(({ status }) => status),
      Array(6).fill(200),
      'after the token has expired'
    )
    t.equal(seen().filter((request) => request === 'POST /refresh').length, 1, 'one refresh for all tabs')
    t.strictSame(
      tabs.map(({ events }) => events.splice(0)),
      tabs.map(() => ['refreshed'])
    )

    await tabs[1]!.auth.signOut()
    await until(() => users().every((user) => user === null))
    t.strictSame(
      tabs.map(({ events }) => events.splice(0)),
      tabs.map(() => ['signed-out sign-out'])
    )

    await signIn(tabs[2]!, 'bob')
    await until(() => users().every((user) => user === 'bob'))
    await app.sessions.revokeAll('bob')
    await tabs[0]!.auth.fetch('/me')
    await until(() => users().every((user) => user === null))
    t.strictSame(
      tabs.map(({ events }) => events.splice(0)),
      tabs.map(() => ['signed-in', 'signed-out ended']),
      'the server has ended the session'
    )
  })

  t.test(`a tab that hears of a sign-out from the server first calls it a sign-out, by ${transport}`, async (t) => {
    const { tab, signIn, send } = await clientApp(t, transport)
    const { fetch, hasResponded, release } = holding(send, '/logout')
    const leaving = tab({ fetch })
    const other = tab()
    await signIn(leaving, 'alice')
    await until(() => other.auth.user?.sub === 'alice')
    const signedOut = leaving.auth.signOut()
    await until(hasResponded)
    t.match(await other.auth.fetch('/me'), { status: 401 })
    await until(() => leaving.auth.user === null)
    release()
    await signedOut
    for (const { events } of [leaving, other]) t.equal(events.at(-1), 'signed-out sign-out')
  })

  t.test(`another user signs in: no response of the former one arrives, by ${transport}`, async (t) => {
    const { tab, signIn, send } = await clientApp(t, transport)
    const { fetch, release } = holding(send, '/echo')
    const slow = tab({ fetch })
    const other = tab()
    await signIn(other, 'alice')
    await until(() => slow.auth.user?.sub === 'alice')
    const pending = slow.auth.fetch('/echo')
    await signIn(other, 'bob')
    release()
    await t.rejects(pending, { name: 'AbortError' })
    await until(() => slow.auth.user?.sub === 'bob')
    t.strictSame(slow.events.slice(-3), ['signed-in', 'signed-out', 'signed-in'])
  })

  t.test(`bodies that can be sent again are, by ${transport}`, async (t) => {
    const { tab, signIn, advance, baseUrl } = await clientApp(t, transport)
    const one = tab()
    await signIn(one, 'alice')
    const form = new FormData()
    form.set('name', 'value')
    const post = (body: NonNullable<RequestInit['body']>) => ({ method: 'POST', body })
    const url = `${baseUrl}/echo`
    const rows: [name: string, input: string | URL | Request, init?: RequestInit][] = [
      ['text', '/echo', post('text')],
      ['URLSearchParams', new URL(url), post(new URLSearchParams({ text: '1' }))],
      ['FormData', url, post(form)],
      ['Blob', url, post(new Blob(['text']))],
      ['ArrayBuffer', url, post(new TextEncoder().encode('text').buffer)],
      ['typed array', url, post(new TextEncoder().encode('text'))],
      ['Request', new Request(url, { ...post('text'), headers: { 'content-type': 'text/plain' } })],
      ['Request and init', new Request(url), post('text')]
    ]
    for (const [name, input, init] of rows) {
      // Only the server notices that the token has expired.
      const now = Date.now
      advance(601)
      const skewed = Date.now
      Date.now = () => (new Error().stack!.includes('/client/time.js') ? now() - 601_000 : skewed())
      const response = await one.auth.fetch(input, init)
      Date.now = now
      t.equal(response.status, 200, name)
      t.match(JSON.stringify(await response.json()), /text|value/, name)
    }
  })
}

t.test('signOut() that fails keeps the session, and rejects', async (t) => {
  const { app, tab, signIn, send, advance } = await clientApp(t, 'bearer')
  const { auth, events } = tab({
    fetch: async (url, init) => (url.endsWith('/logout') ? new Response('', { status: 503 }) : send(url, init))
  })
  await signIn({ auth }, 'alice')
  await t.rejects(auth.signOut(), { name: 'AuthUnavailable', retryAfterMs: Number })
  t.equal(auth.user?.sub, 'alice')
  advance(601)
  t.match(await auth.fetch('/me'), { status: 200 })
  await app.sessions.revokeAll('alice')
  t.match(await auth.fetch('/me'), { status: 401 })
  await until(() => auth.user === null)
  t.equal(events.at(-1), 'signed-out ended', 'and a later end is not a sign-out')
})

t.test('signedIn() accepts only a response of reply.signIn()', async (t) => {
  const { tab } = await clientApp(t, 'cookie')
  const { auth } = tab()
  for (const body of [
    {},
    { session_id: '' },
    { access_token: 'x' },
    new Response('{"session_id":"x"}', { status: 401 })
  ]) {
    await t.rejects(auth.signedIn(body), { name: 'TypeError' })
  }
  const message = 'signedIn() requires a response of reply.signIn(): received access_token,expires_in'
  await t.rejects(auth.signedIn({ access_token: 'x', expires_in: 600 }), { message })
})

t.test('close() ends what waits, and leaves no handle', async (t) => {
  const { tab, signIn, send, advance } = await clientApp(t, 'cookie')
  const one = tab({
    fetch: async (url, init) => (url.endsWith('/refresh') ? new Response('', { status: 503 }) : send(url, init))
  })
  await signIn(one, 'alice')
  advance(601)
  const pending = one.auth.fetch('/echo')
  await until(() => one.events.includes('unavailable'))
  one.auth.close()
  await t.rejects(pending, { name: 'AbortError' })
  await t.rejects(one.auth.fetch('/me'), { name: 'AbortError' })
})
