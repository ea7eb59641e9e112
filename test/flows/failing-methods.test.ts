import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock } from '../fixtures/app.ts'
import { becomes, cookieNames, cookieOf, isUnavailable, requestsOf } from '../fixtures/fault-client.ts'
import { createFaultyStore, methodFaults, storeMethods } from '../fixtures/fault-store.ts'
import type { MethodFault, StoreMethod } from '../fixtures/fault-store.ts'

/** Which requests need which method. `late` is a refresh with a token whose response was lost. */
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

// All at the same time, because most of them wait.
t.jobs = storeMethods.length * methodFaults.length
for (const method of storeMethods) {
  for (const fault of methodFaults) {
    t.test(`sessions survive while ${method}() ${fault}`, { buffered: true }, (t) => surviveFault(t, { method, fault }))
  }
}

async function surviveFault(t: Test, { method, fault }: { method: StoreMethod; fault: MethodFault }): Promise<void> {
  const clock = createClock()
  const inner = memoryStore({ clock })
  const { store, state } = createFaultyStore(inner, { method, fault })
  // The plugin subscribes at the start only.
  state.isFaulty = method === 'subscribe'
  const plugin = { clock, refreshToken: { retrySeconds: 1 } }
  const [a, b] = [
    await createApp({ plugin: { ...plugin, store }, after: addSessionRoutes }),
    await createApp({ plugin: { ...plugin, store: inner } })
  ]
  t.teardown(() => Promise.all([a.app.close(), b.app.close()]))
  const [here, there] = [requestsOf(a), requestsOf(b)]
  // By the other node: this node need not find sessions that it has started itself.
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
    const response = await request
    const cleared = name === 'signOut' ? Object.values(cookieNames) : []
    if (needing[method].includes(name)) isUnavailable(t, { response, cleared })
    else t.ok(response.statusCode < 300, `${name} does not need ${method}()`)
    t.notMatch(response.body, /FATAL|10\.0\.0\.7/)
  }
  t.equal((await here.me(kept)).statusCode, 200)
  t.equal((await here.me(leaving)).statusCode, 401)
  state.isFaulty = false

  const refreshed = await here.refresh(kept)
  t.equal(refreshed.statusCode, 200, 'refreshing resumes')
  t.equal((await there.refresh(late)).statusCode, 200, 'the late retry succeeds')
  t.ok(await becomes(async () => (await there.me(leaving)).statusCode === 401), 'the sign-out reaches the other node')
  t.equal((await there.refresh(leaving)).statusCode, 401)
  clock.advance(10)
  t.equal((await there.refresh(successor)).statusCode, 200)
  clock.advance(10)
  t.equal((await here.refresh(late)).statusCode, 401, 'a token that was rotated long ago is rejected')
}

/** Routes that use `app.sessions` and `app.accessTokens`. */
function addSessionRoutes(app: FastifyInstance): void {
  app.get('/list', () => app.sessions.list('alice'))
  app.get('/revoke-all', async () => ({ ended: await app.sessions.revokeAll('carol') }))
  app.get('/revoke-token', async () => {
    await app.accessTokens.revoke('some token', Math.floor(Date.UTC(2030, 0, 1, 0, 10) / 1000))
    return {}
  })
}
