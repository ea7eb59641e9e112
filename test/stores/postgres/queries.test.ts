import { setImmediate } from 'node:timers/promises'
import type { Pool } from 'pg'
import t from 'tap'
import { skip } from '../../fixtures/postgres-server.ts'
import { newSession, startPostgresStores, waitsForLock } from '../../fixtures/postgres-store.ts'
import { ending, hourMs, inserting, rotation, times } from '../../fixtures/store-values.ts'

/** Counts the statements that a pool runs from now on. */
function countStatements(pool: Pool) {
  const counted = { statements: 0 }
  pool.on('acquire', () => counted.statements++)
  return counted
}

t.test('queryTogether()', { skip }, async (t) => {
  const { pool, otherPool, newPool, newSchema, newStore } = await startPostgresStores(t)

  await t.test('find() and rotate() of 200 callers take few statements', async (t) => {
    const pool = newPool()
    const store = newStore(pool, { schema: newSchema() })
    const ids = times(200, String)
    for (const id of ids) await store.insert(newSession({ id }), { ...inserting, maxSessions: 1000 })
    const counted = countStatements(pool)
    const found = await Promise.all(ids.map((id) => store.find(id)))
    t.strictSame(
      found.map(({ row }) => row?.id),
      ids
    )
    // One alone, and at most 100 in each of the others.
    t.equal(counted.statements, 3)
    const { storeTime: before } = await store.find('0')
    counted.statements = 0
    const rotated = await Promise.all(ids.map((id) => store.rotate(id, rotation)))
    t.equal(counted.statements, 3)
    for (const [index, { applied, row, storeTime }] of rotated.entries()) {
      t.match({ applied, row }, { applied: true, row: { id: `${index}`, generation: 1, rotatedAt: storeTime } })
      t.ok(storeTime >= before)
    }
    t.strictSame(
      (await Promise.all(ids.map((id) => store.find(id)))).map(({ row }) => row),
      rotated.map(({ row }) => row)
    )
  })

  await t.test('rotate() of a session that is locked does not delay others, and is applied afterwards', async (t) => {
    const schema = newSchema()
    const store = newStore(newPool(), { schema })
    const ids = times(20, String)
    for (const id of ids) await store.insert(newSession({ id }), inserting)
    const other = await otherPool.connect()
    await other.query(`BEGIN; SELECT FROM ${schema}.auth_sessions WHERE id IN ('0', '7', '8') FOR UPDATE`)
    const rotating = ids.map((id) => store.rotate(id, rotation))
    const [first, ...rest] = rotating
    const unlocked = rest.filter((_, index) => ![6, 7].includes(index))
    for (const { applied } of await Promise.all(unlocked)) t.ok(applied)
    await waitsForLock(pool, 3)
    await other.query(`UPDATE ${schema}.auth_sessions SET generation = 9 WHERE id = '8'; COMMIT`)
    other.release()
    t.match(await first, { applied: true, row: { generation: 1 } })
    t.match(await rotating[7], { applied: true, row: { generation: 1 } })
    t.match(await rotating[8], { applied: false, row: { generation: 9 } }, 'the other was first')
  })

  await t.test('rotate() and find() give each call of a statement the result that it has alone', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    const sessions = [
      'current',
      'older',
      'too young',
      'idle',
      'revoked',
      'all revoked',
      'twice',
      'forwarded',
      'limited'
    ]
    for (const id of sessions) {
      const idleLimitMs = id === 'limited' ? 60_000 : null
      await store.insert(newSession({ id, sub: id, idleLimitMs }), inserting)
    }
    await store.rotate('older', rotation)
    await store.rotate('idle', { ...rotation, idleMs: 0 })
    await store.revoke('revoked', ending)
    await store.revokeAll({ issuers: inserting.issuers, sub: 'all revoked' }, ending)
    const calls = [
      // Sent alone.
      { id: 'missing', applied: false },
      { id: 'current', applied: true },
      { id: 'older', applied: false, row: { generation: 1 } },
      { id: 'too young', change: { minAgeMs: hourMs }, applied: false, row: { generation: 0 } },
      { id: 'idle', change: { from: 1, to: 2 }, applied: false, row: { generation: 1 } },
      { id: 'revoked', applied: false, row: { revokedAt: Number } },
      { id: 'all revoked', applied: false, row: { revokedAt: Number } },
      { id: 'missing', applied: false, row: null },
      { id: 'twice', applied: true, row: { generation: 1 } },
      { id: 'twice', applied: false, row: { generation: 1 } },
      { id: 'forwarded', change: { from: 0, to: 7 }, applied: true, row: { generation: 7 } },
      { id: 'limited', change: { accessLifetimeSeconds: 900 }, applied: true, row: { accessLifetimeSeconds: 900 } }
    ] as const
    const [, ...results] = await Promise.all(
      calls.map(({ id, ...call }) => store.rotate(id, { ...rotation, ...('change' in call && call.change) }))
    )
    for (const [index, { id, ...expected }] of calls.slice(1).entries()) {
      const { applied, row, storeTime } = results[index]!
      t.match({ applied, row }, { applied: expected.applied, ...('row' in expected && { row: expected.row }) }, id)
      if (applied) t.equal(row!.rotatedAt, storeTime)
      else t.ok(row === null || storeTime >= row.rotatedAt)
    }
    const limited = results.at(-1)!
    t.equal(limited.row!.idleExpiresAt, limited.storeTime + 60_000)
    const alone = []
    for (const { id } of calls) alone.push((await store.find(id)).row)
    const together = await Promise.all(calls.map(({ id }) => store.find(id)))
    t.strictSame(
      together.map(({ row }) => row),
      alone
    )
  })

  await t.test('find() of an id that PostgreSQL cannot store fails, and the calls beside it do not', async (t) => {
    const store = newStore(pool, { schema: newSchema() })
    await store.insert(newSession({ id: 'a' }), inserting)
    const finding = ['first', 'a', '\0', 'b'].map((id) => store.find(id))
    await t.rejects(finding[2]!, { code: '22021' })
    t.match(await Promise.all([finding[1], finding[3]]), [{ row: { id: 'a' } }, { row: null }])
  })

  await t.test('rotate() of many callers needs one client only', async (t) => {
    const small = newPool({ max: 1 })
    const store = newStore(small, { schema: newSchema() })
    const ids = times(20, String)
    for (const id of ids) await store.insert(newSession({ id }), inserting)
    const client = await small.connect()
    const rotating = Promise.all(ids.map((id) => store.rotate(id, rotation)))
    while (small.waitingCount < 2) await setImmediate()
    t.equal(small.waitingCount, 2)
    client.release()
    t.ok((await rotating).every(({ applied }) => applied))
  })
})
