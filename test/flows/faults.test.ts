import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createApp } from '../fixtures/app.ts'
import {
  becomes,
  cookieNames,
  cookieOf,
  isUnavailable,
  requestsOf,
  startBrowsing,
  unavailable,
  type Timed
} from '../fixtures/fault-client.ts'
import { faultyDatabases } from '../fixtures/fault-databases.ts'
import type { FaultyDatabase, Outage } from '../fixtures/fault-databases.ts'

/** How long a fault lasts at least; `FAULT_SECONDS=10` for the long run. */
const faultMs = Number(process.env.FAULT_SECONDS ?? 1) * 1000

t.setTimeout(600_000)
t.jobs = 4

for (const [name, { skip, start }] of Object.entries(faultyDatabases)) {
  t.test(`sessions survive outages of ${name}`, { skip, buffered: true }, async (t) => {
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

async function startNode(open: FaultyDatabase['open']) {
  const { store, close } = await open()
  // Every refresh rotates. A slow machine may lose many responses: their writes succeed after the short time limit.
  const refreshToken = { retrySeconds: 0, lateRetries: 100 }
  const node = await createApp({ plugin: { store, clock: Date.now, refreshToken } })
  return {
    ...requestsOf(node),
    async stop() {
      await node.app.close()
      await close()
    }
  }
}

type Node = Awaited<ReturnType<typeof startNode>>

/** The first response that is not 503: a slow machine may exceed the short time limit without an outage too. */
async function settled(request: () => Promise<Timed>): Promise<Timed> {
  let response = await request()
  await becomes(async () => response.statusCode !== 503 || (response = await request()).statusCode !== 503)
  return response
}

async function surviveOutage(t: Test, [a, b]: [Node, Node], outage: Outage): Promise<void> {
  const signedIn = async () => cookieOf(await settled(() => a.signIn()))
  const [kept, leaving, gone, first] = [await signedIn(), await signedIn(), await signedIn(), await signedIn()]
  t.equal((await settled(() => a.signOut(gone))).statusCode, 204)
  const second = cookieOf(await settled(() => a.refresh(first)))
  t.equal((await settled(() => b.refresh(second))).statusCode, 200)
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
  for (const response of refused) isUnavailable(t, { response })
  isUnavailable(t, { response: await during.signOut, cleared: Object.values(cookieNames) })
  t.equal((await a.me(leaving)).statusCode, 401, 'a client that signs out is signed out on this node')
  t.equal((await a.me(kept)).statusCode, 200)
  const longestMs = Math.max(...refused.map(({ tookMs }) => tookMs), (await during.signOut).tookMs)
  await setTimeout(begunAt + faultMs - Date.now())
  await outage.end()

  const endedAt = Date.now()
  let latest = kept
  t.ok(
    await becomes(async () => {
      const response = await a.refresh(latest)
      if (response.statusCode !== 200) isUnavailable(t, { response })
      else latest = cookieOf(response)
      return response.statusCode === 200
    }),
    'refreshing resumes by itself'
  )
  const resumedMs = Date.now() - endedAt
  t.ok(await becomes(async () => (await b.refresh(latest)).statusCode === 200), 'on the other node too')
  t.ok(await becomes(async () => (await b.me(leaving)).statusCode === 401), 'the sign-out has reached the other node')
  t.match(JSON.parse((await settled(() => b.refresh(leaving))).body), { code: 'AUTH_REFRESH_INVALID' })

  for (const browser of browsing) {
    const { cookies, refusals } = await browser.stop()
    t.strictSame(
      refusals.filter((refusal) => refusal !== `${unavailable} 0 cookies`),
      [],
      'a browser received no refusal but 503'
    )
    t.equal((await settled(() => b.refresh(cookies.at(-1)!))).statusCode, 200, 'its session continues')
    t.equal((await settled(() => a.refresh(cookies.at(-4)!))).statusCode, 401, 'a rotated token is rejected')
  }
  for (const node of [a, b]) {
    t.equal((await settled(() => node.refresh(gone))).statusCode, 401)
    t.equal((await node.me(gone)).statusCode, 401)
    t.equal((await settled(() => node.refresh(first))).statusCode, 401)
  }
  t.comment(`longest response ${longestMs.toFixed()} ms, resumed after ${resumedMs} ms`)
}
