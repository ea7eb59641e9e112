import { EventEmitter, once } from 'node:events'
import { rename } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import t from 'tap'
import type { SessionStore } from '../../../plugin/stores/session-store.ts'
import { becomes } from '../../fixtures/fault-client.ts'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { kinds, serve } from '../../fixtures/redis-store.ts'
import { ending, inserting, newSession, revokedTokens } from '../../fixtures/store-values.ts'
import { onPush } from '../../fixtures/push-listener.ts'

const append = (store: SessionStore, ...ids: string[]) => store.appendRevocations(revokedTokens(...ids), ending)

function createWake() {
  const bell = new EventEmitter()
  return {
    wake: () => {
      bell.emit('wake')
    },
    next: () => once(bell, 'wake', { signal: AbortSignal.timeout(5000) })
  }
}

const subscribers = async (admin: Redis) => String(await admin.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'))

for (const kind of kinds) {
  t.test(
    `subscribe() with ${kind} wakes at each revocation, after a reconnect, and not after close()`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      const [store, other] = [await connect(kind), await connect(kind)]
      const { wake, next } = createWake()
      t.equal(await subscribers(admin), '')
      await store.subscribe!(onPush(wake))
      t.match(await subscribers(admin), /^id=\d+ .* sub=1 /)
      const { cursor } = await store.readRevocations(null, 10)

      const woken = next()
      await append(other, 'first')
      await woken
      const { entries, cursor: after } = await store.readRevocations(cursor, 10)
      t.strictSame(entries, [{ kind: 'token', id: 'first', until: 1e15 }])

      const back = next()
      await admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB')
      // Published while nobody listens: the reconnect itself must wake.
      await append(other, 'missed')
      await back
      t.strictSame(
        (await store.readRevocations(after, 10)).entries.map(({ id }) => id),
        ['missed']
      )
      const wokenAgain = next()
      await append(other, 'third')
      await wokenAgain

      await store.close()
      // The server may notice the end of the connection later than it responds on another one.
      t.ok(await becomes(async () => (await subscribers(admin)) === ''), 'its connection is closed')
      t.ok((await store.find('session')).storeTime, 'the client still works')
      await t.rejects(store.subscribe!(onPush(wake)), { message: /closed/ })
    }
  )

  t.test(
    `subscribe() with ${kind} rejects while Redis is down, and wakes when it is back, unless closed`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect, path } = await serve(t)
      const [store, closing] = [await connect(kind, { timeoutMs: 200 }), await connect(kind, { timeoutMs: 200 })]
      await rename(path, `${path}.away`)
      const { wake, next } = createWake()
      const away = { message: /^Redis did not respond within 200 ms/ }
      await Promise.all([
        t.rejects(store.subscribe!(onPush(wake)), away),
        t.rejects(closing.subscribe!(onPush(() => t.fail('woken after close()'))), away)
      ])
      await closing.close()
      const back = next()
      await rename(`${path}.away`, path)
      await back
      await store.subscribe!(onPush())
      t.match(await subscribers(admin), /^id=.*\n$/, 'one connection, however many subscribe')
    }
  )

  t.test(
    `subscribe() with ${kind} rejects if push is forbidden, and the store works without it`,
    skipWithoutRedis,
    async (t) => {
      const { admin, connect } = await serve(t)
      await admin.acl('SETUSER', 'mute', 'on', '>p', '~*', 'resetchannels', '+@all')
      const store = await connect(kind, { login: { username: 'mute', password: 'p' } })
      await store.prepare!()
      await t.rejects(store.subscribe!(onPush()), { message: /NOPERM|channel/ })
      await store.insert(newSession(), inserting)
      t.equal((await store.revoke('session', ending)).revoked?.id, 'session')
      t.equal((await store.readRevocations(null, 10)).entries.length, 1)
      await admin.acl('SETUSER', 'mute', '&{auth}:*')
      await t.resolves(store.subscribe!(onPush()), 'once it is allowed')
    }
  )
}
