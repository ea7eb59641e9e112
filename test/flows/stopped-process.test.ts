import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { SessionStore } from '../../plugin/index.ts'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import { createApp } from '../fixtures/app.ts'
import { serve } from '../fixtures/redis-store.ts'
import { skipWithoutRedis } from '../fixtures/redis-server.ts'
import { bearer } from '../fixtures/signed-in.ts'
import { DatabaseSync } from '../fixtures/sqlite.ts'

const entry = fileURLToPath(new URL('../fixtures/stopped-process.ts', import.meta.url))
const skip = process.platform === 'win32' ? 'Windows cannot stop a process' : false

interface Place {
  readonly kind: 'sqlite' | 'redis'
  readonly path: string
  readonly store: SessionStore
  readonly whenStale: 'accept' | 'ask'
}

/** Two processes over one store: this one, and one that can be stopped. */
async function twoProcesses(t: Test, { kind, path, store, whenStale }: Place) {
  const here = await createApp({ plugin: { store, clock: Date.now } })
  const child = spawn(process.execPath, [...process.execArgv, entry, kind, path, whenStale], {
    stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    await here.app.close()
  })
  const address = String((await once(child.stdout, 'data'))[0])
  return {
    here,
    async me(token: string) {
      const response = await fetch(`${address}/me`, { headers: bearer(token) })
      const { sub, code } = (await response.json()) as { sub?: string; code?: string }
      return [response.status, sub ?? code, response.headers.get('retry-after')]
    },
    /** Stops the other process for longer than its `maxStalenessSeconds`, and does something meanwhile. */
    async whileStopped(work: () => Promise<unknown>) {
      child.kill('SIGSTOP')
      await work()
      await setTimeout(1001)
    },
    resume: () => child.kill('SIGCONT')
  }
}

type Processes = Awaited<ReturnType<typeof twoProcesses>>

const signOut = ({ here }: Processes, token: string) =>
  here.app.inject({ method: 'POST', url: '/logout', headers: bearer(token) })

function createSqlite(t: Test) {
  const path = join(t.testdir(), 'sessions.db')
  const database = new DatabaseSync(path)
  t.teardown(() => database.close())
  return { kind: 'sqlite' as const, path, store: sqliteStore(database) }
}

const outcomes = { accept: [200, 'alice', null], ask: [401, 'AUTH_REVOKED_TOKEN', null] }
for (const whenStale of ['accept', 'ask'] as const) {
  t.test(
    `with whenStale: '${whenStale}', a process that was stopped during a sign-out elsewhere ` +
      `${whenStale === 'ask' ? 'refuses' : 'accepts'} its first request`,
    { skip },
    async (t) => {
      const processes = await twoProcesses(t, { ...createSqlite(t), whenStale })
      const { here, me, whileStopped, resume } = processes
      const [ended, live] = [await here.signIn('bearer'), await here.signIn('bearer')]
      t.strictSame(await me(ended.access), [200, 'alice', null], 'from now on, its token is in the cache there')
      await whileStopped(() => signOut(processes, ended.access))
      const first = me(ended.access)
      resume()
      t.strictSame(await first, outcomes[whenStale])
      t.strictSame(await me(live.access), [200, 'alice', null], 'another session is not concerned')
    }
  )
}

t.test(
  "with whenStale: 'ask', a process that was stopped responds 503 until Redis responds, and nobody is signed out",
  { skip: skip || skipWithoutRedis.skip },
  async (t) => {
    const server = await serve(t)
    const place = {
      kind: 'redis',
      path: server.path,
      store: await server.connect('ioredis'),
      whenStale: 'ask'
    } as const
    const processes = await twoProcesses(t, place)
    const { here, me, whileStopped, resume } = processes
    const [ended, live] = [await here.signIn('bearer'), await here.signIn('bearer')]
    t.strictSame([(await me(ended.access))[0], (await me(live.access))[0]], [200, 200])
    await whileStopped(async () => {
      await signOut(processes, ended.access)
      await server.stall()
    })
    const first = [me(ended.access), me(live.access)]
    resume()
    const [ofEnded, ofLive] = await Promise.all(first)
    t.strictSame(ofLive, [503, 'AUTH_STORE_UNAVAILABLE', '2'])
    // Redis had pushed the sign-out before it stalled: the message may be read before the request, or after it.
    t.match(ofEnded![1], /^AUTH_(REVOKED_TOKEN|STORE_UNAVAILABLE)$/)
    await server.resume()
    t.strictSame(
      [await me(ended.access), await me(live.access)],
      [
        [401, 'AUTH_REVOKED_TOKEN', null],
        [200, 'alice', null]
      ]
    )
  }
)
