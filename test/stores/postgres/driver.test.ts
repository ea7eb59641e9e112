import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { withClient } from '../../../plugin/stores/postgres/driver.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { createEvent, startPostgresStores, waitsForLock } from '../../fixtures/postgres-store.ts'
import { ending, inserting, newSession, rotation, subject, times } from '../../fixtures/store-values.ts'
import { onPush } from '../../fixtures/push-listener.ts'

t.test('withClient()', { skip }, async (t) => {
  const { server, pool, otherPool, newPool, newSchema, newStore } = await startPostgresStores(t)

  await t.test('withTimeLimit() rejects a call that the database does not finish, and frees its client', async (t) => {
    const [rowLocked, tableLocked] = [newSchema(), newSchema()]
    const small = newPool({ max: 2 })
    const writer = newStore(otherPool, { schema: rowLocked, limits: { callMs: 60_000 } })
    const reader = newStore(small, { schema: tableLocked, limits: { callMs: 300 } })
    const session = newSession()
    await writer.insert(session, inserting)
    await newStore(pool, { schema: tableLocked }).insert(session, inserting)
    const other = await pool.connect()
    await other.query('BEGIN')
    await other.query(`SELECT FROM ${rowLocked}.auth_sessions FOR UPDATE`)
    await other.query(`LOCK TABLE ${tableLocked}.auth_sessions`)
    const timedOut = { message: 'PostgreSQL did not respond within 300 ms' }
    await Promise.all([
      t.rejects(writer.rotate(session.id, rotation), { code: '55P03' }, 'the server ends the wait for a lock'),
      ...times(4, () => t.rejects(reader.find(session.id), timedOut, 'also if it waits for a client'))
    ])
    await other.query('COMMIT')
    other.release()
    const patient = newStore(small, { schema: tableLocked, limits: { callMs: 60_000 } })
    await Promise.all(times(4, async () => t.match(await patient.find(session.id), { row: { generation: 0 } })))
    t.match(await writer.rotate(session.id, rotation), { applied: true })
    t.ok(small.totalCount <= 2 && small.waitingCount === 0)
  })

  for (const { name, ms, isKept } of [
    { name: 'keeps the client of an abandoned call while the server may still respond', ms: 60_000, isKept: true },
    { name: 'destroys the client of an abandoned call when the server had its time', ms: 0, isKept: false }
  ]) {
    await t.test(`withClient() ${name}`, async (t) => {
      const [small, schema] = [newPool({ max: 1 }), newSchema()]
      await newStore(pool, { schema }).find('a')
      const serverProcess = async () => (await small.query('SELECT pg_backend_pid() AS id')).rows[0].id
      const before = await serverProcess()
      const other = await otherPool.connect()
      await other.query(`BEGIN; LOCK TABLE ${schema}.auth_sessions`)
      let timeOut = (_error: Error): void => {}
      const timedOut = new Promise<never>((_resolve, reject) => (timeOut = reject))
      const call = withClient({ pool: small, ms, timedOut }, (client) =>
        client.query(`SELECT FROM ${schema}.auth_sessions`)
      )
      await waitsForLock(pool, 1)
      timeOut(new Error('the time is up'))
      await t.rejects(call, { message: 'the time is up' })
      if (!isKept) t.not(await serverProcess(), before, 'while the server still does not respond')
      await other.query('COMMIT')
      other.release()
      if (isKept) t.equal(await serverProcess(), before)
    })
  }

  await t.test(
    'postgresStore() rejects while the server is down, resumes by itself, and loses no resolved call',
    async (t) => {
      const limits = { pushRetryMs: { first: 50, longest: 100 } }
      const store = newStore(pool, { schema: newSchema(), limits })
      const session = newSession()
      await store.insert(session, inserting)
      const { happen, next } = createEvent()
      await store.subscribe!(onPush(happen))
      let resolvedGeneration = 0
      const crashes = { left: 2 }
      const codes = new Set<unknown>()
      const refresh = async () => {
        while (crashes.left > 0) {
          const from = resolvedGeneration
          await store.rotate(session.id, { ...rotation, from, to: from + 1 }).then(
            ({ row }) => {
              resolvedGeneration = Math.max(resolvedGeneration, row!.generation)
            },
            ({ code }: { code?: string }) => codes.add(code)
          )
          // Paced, because a server that is down refuses immediately.
          await setTimeout(20)
        }
      }
      const refreshing = Promise.all(times(6, refresh))
      for (; crashes.left > 0; crashes.left--) {
        const before = resolvedGeneration
        const woken = next()
        await server.crash()
        await server.start()
        await woken
        const { row } = await store.find(session.id)
        t.ok(row!.generation >= before, 'no resolved rotation is lost')
        while (resolvedGeneration <= row!.generation) await setTimeout(20)
      }
      await refreshing
      t.ok(codes.size > 0, [...codes].join())
    }
  )

  await t.test('withClient() destroys the client of work that throws before its first query', async (t) => {
    const small = newPool({ max: 1 })
    const thrown = new Error('a value cannot be written as JSON')
    const call = withClient({ pool: small, ms: 60_000, timedOut: new Promise<never>(() => {}) }, () => {
      throw thrown
    })
    await t.rejects(call, thrown)
    t.strictSame([small.totalCount, small.idleCount], [0, 0], 'it is not lost to the pool')
    t.equal((await small.query('SELECT 1 AS one')).rows[0].one, 1)
  })

  await t.test('postgresStore() rejects every call on a replica', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    await store.insert(newSession({ id: 'a' }), inserting)
    await server.restartAsReplica()
    const calls: (() => Promise<unknown>)[] = [
      () => store.find('a'),
      () => store.find('b'),
      () => store.list(subject('user'), { limit: 1 }),
      () => store.list(subject('nobody'), { limit: 1 }),
      () => store.prepare!(),
      () => store.readRevocations(null, 1),
      () => store.rotate('a', rotation),
      () => store.revoke('a', ending),
      () => store.insert(newSession(), inserting),
      () => store.sweep()
    ]
    for (const call of calls) await t.rejects(call(), { code: '25006' })
  })
})
