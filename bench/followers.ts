import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { resolveOptions } from '../plugin/options/options.ts'
import { Revocations } from '../plugin/sessions/revocations.ts'
import { StoreClock } from '../plugin/sessions/store-clock.ts'
import { createStoreStart } from '../plugin/sessions/store-start.ts'
import { TimedStore } from '../plugin/sessions/timed-store.ts'
import { redisStore } from '../plugin/stores/redis.ts'
import type { SessionStore } from '../plugin/stores/session-store.ts'
import { startRedis } from '../test/fixtures/redis-server.ts'
import type { Effort } from './effort.ts'
import { median } from './bursts.ts'
import { difference, readStats } from './redis-stats.ts'

/** What one Redis and many nodes do for a stream of sign-outs. All followers are in one process of this machine. */
export interface Followers {
  readonly count: number
  readonly signOutsPerSecond: number
  /** CPU time of Redis for one sign-out: by a store that nobody follows, by push, and by polling only. */
  readonly cpuMicrosPerSignOut: { readonly alone: number; readonly push: number; readonly poll: number }
  /** What Redis sends to all followers for one sign-out. */
  readonly bytesPerSignOut: { readonly push: number; readonly poll: number }
  /** From the sign-out to its effect at the last follower: median. */
  readonly lastDelayMs: { readonly push: number; readonly poll: number }
}

interface Stream {
  readonly count: number
  readonly seconds: number
  readonly perSecond: number
  readonly pushes: boolean
}

const lifetimeSeconds = 300

export async function measureFollowers({ name, followers: count }: Effort): Promise<Followers> {
  const [perSecond, seconds] = [20, name === 'quick' ? 1 : 5]
  const push = await follow({ count, perSecond, seconds, pushes: true })
  const poll = await follow({ count, perSecond, seconds, pushes: false })
  const alone = await follow({ count: 0, perSecond, seconds, pushes: false })
  return {
    count,
    signOutsPerSecond: perSecond,
    cpuMicrosPerSignOut: { alone: alone.cpuMicros, push: push.cpuMicros, poll: poll.cpuMicros },
    bytesPerSignOut: { push: push.bytes - alone.bytes, poll: poll.bytes - alone.bytes },
    lastDelayMs: { push: push.delayMs, poll: poll.delayMs }
  }
}

/** Signs sessions out one after the other, at an even rate. */
async function follow({ count, seconds, perSecond, pushes }: Stream) {
  const { path, stop } = await startRedis()
  const client = new Redis(path)
  const ends: (() => Promise<void>)[] = []
  const missing = new Map<string, { left: number; readonly sentAt: number }>()
  const delays: number[] = []
  const applied = (id: string) => {
    const waiting = missing.get(id)!
    if (--waiting.left > 0) return
    delays.push(performance.now() - waiting.sentAt)
    missing.delete(id)
  }
  try {
    const store = redisStore(client)
    await store.prepare!()
    const ids = Array.from({ length: seconds * perSecond }, (_, index) => `session${String(index).padStart(15, '0')}`)
    await Promise.all(ids.map((id) => insert(store, id)))
    for (let index = 0; index < count; index++) ends.push(await startFollower(path, { pushes, applied }))
    // What the start has caused is over.
    await setTimeout(500)
    const before = await readStats(client)
    const startedAt = performance.now()
    for (const [index, id] of ids.entries()) {
      await setTimeout(Math.max(0, startedAt + (index / perSecond) * 1000 - performance.now()))
      if (count > 0) missing.set(id, { left: count, sentAt: performance.now() })
      await store.revoke(id, { lifetimeSeconds })
    }
    while (missing.size > 0) await setTimeout(10)
    const { cpuMicros, bytesOut } = difference(await readStats(client), before)
    return { cpuMicros: cpuMicros / ids.length, bytes: bytesOut / ids.length, delayMs: count > 0 ? median(delays) : 0 }
  } finally {
    for (const end of ends) await end()
    client.disconnect()
    await stop()
  }
}

function insert(store: SessionStore, id: string) {
  const times = { idleMs: 1e7, idleLimitMs: null, absoluteMs: 1e7, accessLifetimeSeconds: lifetimeSeconds }
  const content = { sessionKey: 'key', device: null, scope: null, claims: {}, details: {} }
  const issuer = 'https://api.example.com'
  return store.insert(
    { id, issuer, sub: id, ...content, ...times },
    { issuers: [issuer], revoke: [], maxSessions: 100, lifetimeSeconds }
  )
}

/** The part of the plugin that follows the log, without a server. */
async function startFollower(path: string, { pushes, applied }: { pushes: boolean; applied: (id: string) => void }) {
  const client = new Redis(path)
  const { subscribe, ...polling } = redisStore(client)
  const store: SessionStore = pushes ? { ...polling, subscribe: subscribe! } : polling
  const settings = resolveOptions({ issuer: 'https://api.example.com', secret: 'a secret of 32 bytes for followers' })
  const clock = Date.now
  const storeClock = new StoreClock({ clock, lifetimeMs: lifetimeSeconds * 1000, onSkew() {} })
  const revocations = new Revocations({
    settings,
    store: new TimedStore({ store, storeClock, clock }),
    now: storeClock.now,
    accessLifetime: () => lifetimeSeconds,
    emit: (event) => {
      if (event.type === 'session-revoked') applied(event.sessionId)
    }
  })
  const log = { info() {}, warn() {} }
  const start = createStoreStart({ store, storeClock, revocations, clock, log, ...settings.revocation })
  await start.start()
  return async () => {
    await start.close()
    await revocations.close()
    await store.close()
    client.disconnect()
  }
}
