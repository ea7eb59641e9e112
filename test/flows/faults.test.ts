import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock } from '../fixtures/app.ts'
import { becomes, cookieOf, requestsOf, startBrowsing, unavailable } from '../fixtures/fault-client.ts'
import type { Timed } from '../fixtures/fault-client.ts'
import { faultyDatabases } from '../fixtures/fault-databases.ts'
import type { FaultyDatabase, Outage } from '../fixtures/fault-databases.ts'
import { createFaultyStore, methodFaults, storeMethods } from '../fixtures/fault-store.ts'
import type { MethodFault, StoreMethod } from '../fixtures/fault-store.ts'

/** How long a fault lasts at least; `FAULT_SECONDS=10` for the long run. */
const faultMs = Number(process.env.FAULT_SECONDS ?? 3) * 1000
const names = { access: '__Host-access', refresh: '__Host-refresh' }

t.setTimeout(300_000)
t.jobs = 4

for (const [name, { skip, start }] of Object.entries(faultyDatabases)) {
  t.test(name, { skip, buffered: true }, async (t) => {
    const database = await start()
    t.teardown(database.stop)
    for (const [what, outage] of Object.entries(database.outages)) {
      await t.test(what, async (t) => {
        const nodes = await Promise.all([startNode(database.open), startNode(database.open)])
        t.teardown(async () => {
          for (const { stop } of nodes) await stop()
        })
        await surviveOutage(t, nodes, outage)
      })
    }
  })
}

/** Which requests need which method; `late` is a refresh by a token whose answer was lost. */
const needing: Record<StoreMethod, readonly string[]> = {
  insert: ['signIn'],
  prepare: [],
  find: ['refresh', 'late'],
  rotate: ['refresh'],
  countRetry: ['late'],
  countRepeat: [],
  revoke: ['signOut'],
  revokeAll: ['revokeAll'],
  list: ['list'],
  trim: [],
  appendRevocations: ['revokeToken'],
  readRevocations: [],
  subscribe: [],
  sweep: []
}

t.test('one method fails', { buffered: true }, async (t) => {
  const stories = storeMethods.flatMap((method) => methodFaults.map((fault) => ({ method, fault })))
  // All at once, for most of them wait.
  await Promise.all(
    stories.map(async ({ method, fault }) => {
      await t.test(`${method}() ${fault}`, { buffered: true }, (t) => surviveMethod(t, method, fault))
    })
  )
})

async function surviveMethod(t: Test, method: StoreMethod, fault: MethodFault): Promise<void> {
  const clock = createClock()
  const inner = memoryStore({ clock })
  const { store, state } = createFaultyStore(inner, method, fault)
  // A subscription is made at the start, and only then.
  state.isFaulty = method === 'subscribe'
  const plugin = { clock, refreshToken: { retrySeconds: 1 } }
  const [a, b] = [
    await createApp({ plugin: { ...plugin, store }, after: addSessionRoutes }),
    await createApp({ plugin: { ...plugin, store: inner } })
  ]
  t.teardown(() => Promise.all([a.app.close(), b.app.close()]))
  const [here, there] = [requestsOf(a), requestsOf(b)]
  // Of the other node: what this one has started itself, it need not find.
  const signedIn = async () => cookieOf(await there.signIn())
  const [kept, leaving, late] = [await signedIn(), await signedIn(), await signedIn()]
  clock.advance(10)
  const successor = cookieOf(await there.refresh(late))
  clock.advance(10)

  state.isFaulty = true
  const requests = {
    me: here.me(kept),
    refresh: here.refresh(kept),
    late: here.refresh(late),
    signOut: here.signOut(leaving),
    signIn: here.signIn('bob'),
    revokeAll: here.get('/revoke-all'),
    list: here.get('/list'),
    revokeToken: here.get('/revoke-token')
  }
  for (const [name, request] of Object.entries(requests)) {
    const answer = await request
    if (needing[method].includes(name)) isUnavailable(t, answer, name === 'signOut' ? Object.values(names) : [])
    else t.ok(answer.statusCode < 300, `${name} needs no ${method}()`)
    t.notMatch(answer.body, /FATAL|10\.0\.0\.7/)
  }
  t.equal((await here.me(kept)).statusCode, 200)
  t.equal((await here.me(leaving)).statusCode, 401)
  state.isFaulty = false

  const refreshed = await here.refresh(kept)
  t.equal(refreshed.statusCode, 200, 'refreshing goes on')
  t.equal((await there.refresh(late)).statusCode, 200, 'and the late retry is served')
  t.ok(await becomes(async () => (await there.me(leaving)).statusCode === 401), 'the sign-out reaches the other node')
  t.equal((await there.refresh(leaving)).statusCode, 401)
  clock.advance(10)
  t.equal((await there.refresh(successor)).statusCode, 200)
  clock.advance(10)
  t.equal((await here.refresh(late)).statusCode, 401, 'what was rotated long ago does not work')
}

/** What an application does with `app.sessions` and `app.accessTokens`. */
function addSessionRoutes(app: FastifyInstance): void {
  app.get('/list', () => app.sessions.list('alice'))
  app.get('/revoke-all', async () => ({ ended: await app.sessions.revokeAll('carol') }))
  app.get('/revoke-token', async () => {
    await app.accessTokens.revoke('some token', Math.floor(Date.UTC(2030, 0, 1, 0, 10) / 1000))
    return {}
  })
}

async function startNode(open: FaultyDatabase['open']) {
  const { store, close } = await open()
  // Each refresh rotates, so that nobody has to wait.
  const node = await createApp({ plugin: { store, clock: Date.now, refreshToken: { retrySeconds: 0 } } })
  return {
    ...requestsOf(node),
    async stop() {
      await node.app.close()
      await close()
    }
  }
}

type Node = Awaited<ReturnType<typeof startNode>>

async function surviveOutage(t: Test, [a, b]: [Node, Node], outage: Outage): Promise<void> {
  const signedIn = async () => cookieOf(await a.signIn())
  const [kept, leaving, gone, first] = [await signedIn(), await signedIn(), await signedIn(), await signedIn()]
  t.equal((await a.signOut(gone)).statusCode, 204)
  const second = cookieOf(await a.refresh(first))
  t.equal((await b.refresh(second)).statusCode, 200)
  const browsers = [a, b, a, b].map(async (node) => startBrowsing(node, await signedIn()))
  const browsing = await Promise.all(browsers)
  t.teardown(async () => {
    for (const browser of browsing) await browser.stop()
  })

  for (const browser of browsing) t.ok(await browser.isUnderWay())

  await outage.begin()
  const begunAt = Date.now()
  const during = {
    me: a.me(kept),
    refresh: a.refresh(kept),
    signOut: a.signOut(leaving),
    signIn: a.signIn(),
    more: Promise.all(Array.from({ length: 20 }, () => b.refresh(kept)))
  }
  const me = await during.me
  t.equal(me.statusCode, 200, 'access tokens keep working')
  const refused = [await during.refresh, await during.signIn, ...(await during.more)]
  for (const answer of refused) isUnavailable(t, answer, [])
  isUnavailable(t, await during.signOut, [names.access, names.refresh])
  t.equal((await a.me(leaving)).statusCode, 401, 'who signs out is signed out here')
  t.equal((await a.me(kept)).statusCode, 200)
  const longestMs = Math.max(...refused.map(({ tookMs }) => tookMs), (await during.signOut).tookMs)
  await setTimeout(begunAt + faultMs - Date.now())
  await outage.end()

  const endedAt = Date.now()
  let latest = kept
  t.ok(
    await becomes(async () => {
      const answer = await a.refresh(latest)
      if (answer.statusCode !== 200) isUnavailable(t, answer, [])
      else latest = cookieOf(answer)
      return answer.statusCode === 200
    }),
    'refreshing resumes by itself'
  )
  const resumedMs = Date.now() - endedAt
  t.ok(await becomes(async () => (await b.refresh(latest)).statusCode === 200), 'on the other node too')
  t.ok(await becomes(async () => (await b.me(leaving)).statusCode === 401), 'the sign-out has reached the other node')
  t.match(JSON.parse((await b.refresh(leaving)).body), { code: 'AUTH_REFRESH_INVALID' })

  for (const browser of browsing) {
    const { cookies, refusals } = await browser.stop()
    t.strictSame(
      refusals.filter((refusal) => refusal !== `${unavailable} 0 cookies`),
      [],
      'a browser saw nothing but 503'
    )
    t.equal((await b.refresh(cookies.at(-1)!)).statusCode, 200, 'its session goes on')
    t.equal((await a.refresh(cookies.at(-4)!)).statusCode, 401, 'and what was rotated does not work again')
  }
  for (const node of [a, b]) {
    t.equal((await node.refresh(gone)).statusCode, 401)
    t.equal((await node.me(gone)).statusCode, 401)
    t.equal((await node.refresh(first)).statusCode, 401)
  }
  t.comment(`longest answer ${longestMs.toFixed()} ms, resumed after ${resumedMs} ms`)
}

/** With the same words whatever has happened, and with cookies cleared only where that was asked for. */
function isUnavailable(t: Test, { statusCode, body, headers, cookies }: Timed, cleared: readonly string[]): void {
  t.strictSame([statusCode, body, headers['retry-after']], [503, unavailable, '2'])
  t.strictSame(
    cookies.map(({ name, maxAge }) => [name, maxAge]),
    cleared.map((name) => [name, 0])
  )
}
