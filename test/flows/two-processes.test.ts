import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import { createApp, createClock, epoch } from '../fixtures/app.ts'
import { DatabaseSync } from '../fixtures/sqlite.ts'

const entry = fileURLToPath(new URL('../fixtures/refreshing-process.ts', import.meta.url))
const minute = 60_000

t.test(
  'fifty parallel refreshes of one token, by two processes with one SQLite file, cause one rotation',
  async (t) => {
    const file = join(t.testdir(), 'sessions.db')
    const database = new DatabaseSync(file)
    const clock = createClock()
    const store = sqliteStore(database, { clock })
    const here = await createApp({ plugin: { clock, store } })
    const processes = [1, 2].map(() =>
      spawn(process.execPath, [...process.execArgv, entry, file, String(epoch + minute)], {
        stdio: ['pipe', 'pipe', 'inherit']
      })
    )
    t.teardown(async () => {
      for (const { stdin } of processes) stdin.end()
      await Promise.all(processes.map((child) => once(child, 'close')))
      await here.app.close()
      database.close()
    })
    const addresses = await Promise.all(processes.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])))

    /** The distinct responses to fifty requests, half to each process. */
    async function race(refreshToken: string) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const response = await fetch(`${addresses[index % 2]}/refresh`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ refresh_token: refreshToken })
          })
          return {
            status: response.status,
            ...((await response.json()) as { refresh_token?: string; access_token?: string })
          }
        })
      )
      return {
        statuses: [...new Set(answers.map(({ status }) => status))],
        successors: [...new Set(answers.map(({ refresh_token: successor }) => successor))],
        accessTokens: answers.map(({ access_token: token }) => token!)
      }
    }

    for (const name of ['a first session', 'a second session']) {
      await t.test(name, async (t) => {
        clock.set(epoch)
        const { refresh, sessionId } = await here.signIn('bearer')
        const { row: before } = await store.find(sessionId)

        const { statuses, successors, accessTokens } = await race(refresh)
        t.strictSame(statuses, [200])
        t.equal(successors.length, 1)
        t.not(successors[0], refresh)
        const { row } = await store.find(sessionId)
        t.strictSame(row, {
          ...before,
          generation: 1,
          rotatedAt: epoch + minute,
          idleExpiresAt: epoch + minute + 14 * 86_400_000,
          repeatedGeneration: 0,
          repeatStreak: 1
        })
        t.strictSame((await race(refresh)).successors, successors, 'whoever comes late gets the same one')
        t.strictSame((await store.find(sessionId)).row, row)

        clock.set(epoch + 2 * minute)
        const me = async (token: string) =>
          (await here.app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode
        t.strictSame(new Set(await Promise.all(accessTokens.map(me))), new Set([200]))
        const next = await here.app.inject({
          method: 'POST',
          url: '/refresh',
          payload: { refresh_token: successors[0] }
        })
        t.equal(next.statusCode, 200, 'the successor works')
        t.equal((await store.find(sessionId)).row?.generation, 2)
      })
    }

    await t.test('a late retry is counted once', async (t) => {
      clock.set(epoch - 2 * minute)
      const { refresh, sessionId } = await here.signIn('bearer')
      clock.set(epoch - minute)
      await here.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
      const { statuses, successors } = await race(refresh)
      t.strictSame([statuses, successors.length], [[200], 1])
      t.match((await store.find(sessionId)).row, { generation: 1, retries: [epoch + minute], revokedAt: null })
      t.equal((await store.find(sessionId)).row?.retries.length, 1)
    })
  }
)
