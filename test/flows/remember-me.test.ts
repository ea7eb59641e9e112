import t from 'tap'
import type { AuthenticateOptions, AuthEvent, SessionStore, SignIn } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import {
  cookieHeader,
  createApp,
  createClock,
  epoch,
  issuer,
  setCookies,
  type SignedIn,
  type TestApp
} from '../fixtures/app.ts'

const user = { issuers: [issuer], sub: 'alice' }
const inserting = { issuers: [issuer], revoke: [], maxSessions: 100, lifetimeSeconds: 600 }

type Response = SignedIn['response']

const minute = 60
const hour = 3600
const day = 24 * hour

/** Two processes over one store. Only the first one knows the sessions that it starts. */
async function twoProcesses(plugin: Partial<AuthenticateOptions> = {}) {
  const clock = createClock()
  const store = memoryStore({ clock })
  const events: string[] = []
  const start = (given: SessionStore = store) =>
    createApp({
      plugin: { store: given, clock, cookies: { renew: true }, onEvent: ({ type }) => events.push(type), ...plugin }
    })
  return { clock, store, events, start, first: await start(), second: await start() }
}

const post = ({ app }: TestApp, url: string, cookie: string, payload = {}) =>
  app.inject({ method: 'POST', url, headers: { cookie }, payload })
const me = ({ app }: TestApp, cookie: string) => app.inject({ url: '/me', headers: { cookie } })

/** `Max-Age` and `Expires` of each cookie that a response sets. */
const lifetimesOf = (response: Response) =>
  setCookies(response).map((line) => line.match(/(Max-Age|Expires)=[^;]+/g)?.join() ?? 'until the browser is closed')
const both = (lifetime: string) => [lifetime, lifetime]

type Processes = Awaited<ReturnType<typeof twoProcesses>>

/** Everything that sets the cookies of a session again, and its event. `respond` gets the cookies of a new session. */
const responses: Record<
  string,
  { event: AuthEvent['type']; respond: (processes: Processes, cookie: string) => Promise<Response> }
> = {
  'the same token again': {
    event: 'refresh-coalesced',
    respond: ({ first }, cookie) => post(first, '/refresh', cookie)
  },
  'a rotation': {
    event: 'session-refreshed',
    respond({ first, clock }, cookie) {
      clock.advance(minute)
      return post(first, '/refresh', cookie)
    }
  },
  'a rotation by a process that does not know the session': {
    event: 'session-refreshed',
    respond({ second, clock }, cookie) {
      clock.advance(minute)
      return post(second, '/refresh', cookie)
    }
  },
  'the tenth rotation': {
    event: 'session-refreshed',
    async respond({ first, clock }, cookie) {
      for (let count = 1; count < 10; count++) {
        clock.advance(minute)
        cookie = cookieHeader(await post(first, '/refresh', cookie))
      }
      clock.advance(minute)
      return await post(first, '/refresh', cookie)
    }
  },
  'a coalesced refresh': {
    event: 'refresh-coalesced',
    async respond({ first, second, clock }, cookie) {
      clock.advance(minute)
      await post(first, '/refresh', cookie)
      return await post(second, '/refresh', cookie)
    }
  },
  'a late retry': {
    event: 'refresh-retried',
    async respond({ first, clock }, cookie) {
      clock.advance(minute)
      await post(first, '/refresh', cookie)
      clock.advance(minute)
      return await post(first, '/refresh', cookie)
    }
  },
  'a rotation that the store has lost': {
    event: 'store-rolled-back',
    async respond({ first, start, store, clock }, cookie) {
      const { rows } = await store.list(user, { limit: 1 })
      const restored = memoryStore({ clock })
      await restored.insert({ ...rows[0]!, idleMs: 14 * day * 1000, absoluteMs: 30 * day * 1000 }, inserting)
      clock.advance(minute)
      const newer = cookieHeader(await post(first, '/refresh', cookie))
      return await post(await start(restored), '/refresh', newer)
    }
  },
  'a renewal in place': {
    event: 'session-refreshed',
    respond({ first, clock }, cookie) {
      clock.advance(hour)
      return me(first, cookie)
    }
  },
  'a renewal in place by a process that does not know the session': {
    event: 'session-refreshed',
    respond({ second, clock }, cookie) {
      clock.advance(hour)
      return me(second, cookie)
    }
  }
}

t.test('signIn({ persistent: false }) sets cookies without Max-Age, and so does', async (t) => {
  const rows: [input: Partial<SignIn>, lifetime: string][] = [
    [{ persistent: false }, 'until the browser is closed'],
    [{ persistent: true }, 'Max-Age=1209600'],
    [{}, 'Max-Age=1209600']
  ]
  for (const [name, { event, respond }] of Object.entries(responses)) {
    await t.test(name, async (t) => {
      for (const [input, lifetime] of rows) {
        const processes = await twoProcesses()
        const { cookie, response } = await processes.first.signIn('cookie', input)
        t.strictSame(lifetimesOf(response), both(lifetime), JSON.stringify(input))
        const later = await respond(processes, cookie)
        t.strictSame(
          [later.statusCode, lifetimesOf(later), processes.events.at(-1)],
          [200, both(lifetime), event],
          JSON.stringify(input)
        )
      }
    })
  }
})

t.test('signIn({ persistent: false }) keeps it if refreshToken.claims makes new claims', async (t) => {
  const { first, clock } = await twoProcesses({ refreshToken: { claims: async () => ({ claims: { a: 1 } }) } })
  const { cookie } = await first.signIn('cookie', { persistent: false })
  clock.advance(minute)
  t.strictSame(lifetimesOf(await post(first, '/refresh', cookie)), both('until the browser is closed'))
})

t.test('signIn({ persistent }) is decided by the last sign-in', async (t) => {
  const { first } = await twoProcesses()
  const { cookie } = await first.signIn('cookie', { persistent: true })
  const again = await post(first, '/login', cookie, { sub: 'alice', transport: 'cookie', persistent: false })
  t.strictSame(lifetimesOf(again), both('until the browser is closed'))
  t.equal((await first.app.sessions.list('alice')).length, 1)
})

t.test('signOut() clears the cookies of signIn({ persistent: false })', async (t) => {
  const { first } = await twoProcesses()
  const { cookie } = await first.signIn('cookie', { persistent: false })
  const expired = 'Max-Age=0,Expires=Thu, 01 Jan 1970 00:00:00 GMT'
  t.strictSame(lifetimesOf(await post(first, '/logout', cookie)), both(expired))
})

t.test('signIn({ idleSeconds }) ends the session earlier, unless it is refreshed', async (t) => {
  for (const transport of ['bearer', 'cookie'] as const) {
    const { first, second, clock } = await twoProcesses()
    const start = async (input: Partial<SignIn>) => (await first.signIn(transport, input)).refresh
    const refresh = async (server: TestApp, token: string) => {
      const payload = transport === 'bearer' ? { refresh_token: token } : {}
      const cookie = transport === 'bearer' ? '' : `__Host-refresh=${token}`
      const response = await post(server, '/refresh', cookie, payload)
      const next = response.cookies.find(({ name }) => name === '__Host-refresh')?.value
      return { status: response.statusCode, next: response.json().refresh_token ?? next, response }
    }
    const expiries = async () =>
      (await first.app.sessions.list('alice')).map(({ expiresAt }) => (expiresAt.getTime() - clock()) / 1000)
    const [short, long] = [await start({ idleSeconds: hour }), await start({})]
    t.strictSame(await expiries(), [hour, 14 * day], transport)

    clock.advance(hour - 1)
    const refreshed = await refresh(second, short)
    t.equal(refreshed.status, 200, 'just before')
    if (transport === 'cookie') t.strictSame(lifetimesOf(refreshed.response), both('Max-Age=3600'))
    t.strictSame(await expiries(), [hour, 14 * day - hour + 1])
    clock.advance(hour)
    t.equal((await refresh(first, refreshed.next)).status, 401, 'just after')
    t.equal((await refresh(first, long)).status, 200, 'the other session goes on')
  }
})

t.test('signIn({ idleSeconds }) limits a late retry too', async (t) => {
  const { first, clock } = await twoProcesses()
  const { cookie } = await first.signIn('cookie', { idleSeconds: hour })
  clock.advance(minute)
  await post(first, '/refresh', cookie)
  clock.advance(minute)
  t.strictSame(lifetimesOf(await post(first, '/refresh', cookie)), both('Max-Age=3600'))
})

t.test('signIn({ absoluteSeconds }) ends the session and its tokens, however often it is refreshed', async (t) => {
  const { first, clock } = await twoProcesses()
  let { cookie, response } = await first.signIn('cookie', { absoluteSeconds: hour })
  t.strictSame(lifetimesOf(response), both('Max-Age=3600'))
  for (const [expiresIn, left] of [
    [600, 1800],
    [100, 100]
  ]) {
    clock.advance(hour - left! - (clock() - epoch) / 1000)
    response = await post(first, '/refresh', cookie)
    cookie = cookieHeader(response)
    t.strictSame([response.json().expires_in, lifetimesOf(response)], [expiresIn, both(`Max-Age=${left}`)])
  }
  clock.advance(99)
  t.equal((await me(first, cookie)).statusCode, 200)
  clock.advance(1)
  t.equal((await me(first, cookie)).statusCode, 401)
  t.equal((await post(first, '/refresh', cookie)).statusCode, 401)
})

t.test(
  'an option that is lowered limits the sessions that exist; a raised one does not extend their own limit',
  async (t) => {
    const clock = createClock()
    const store = memoryStore({ clock })
    const node = (idleSeconds: number) => createApp({ plugin: { store, clock, refreshToken: { idleSeconds } } })
    const { cookie, sessionId } = await (await node(day)).signIn('cookie', { idleSeconds: 2 * hour })
    const idleAfter = async (idleSeconds: number, cookie: string) => {
      clock.advance(minute)
      const response = await post(await node(idleSeconds), '/refresh', cookie)
      const { row } = await store.find(sessionId)
      return { seconds: (row!.idleExpiresAt - clock()) / 1000, cookie: cookieHeader(response) }
    }
    const lowered = await idleAfter(hour, cookie)
    const raised = await idleAfter(7 * day, lowered.cookie)
    t.strictSame([lowered.seconds, raised.seconds], [hour, 2 * hour])
  }
)
