import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { RevokedSession, SessionStore } from '../../../plugin/stores/session-store.ts'
import { skip } from '../../fixtures/postgres-server.ts'
import { newSession, startPostgresStores, waitsForLock } from '../../fixtures/postgres-store.ts'
import {
  ending,
  hourMs,
  inserting,
  issuer,
  revokedTokens,
  rotation,
  subject,
  times
} from '../../fixtures/store-values.ts'

const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)]!

t.test('createPostgresStore()', { skip }, async (t) => {
  const { pool, otherPool, newPool, newSchema, newStore } = await startPostgresStores(t)

  await t.test('rotate() is applied once among 100 concurrent calls, and all return the same row', async (t) => {
    const store = newStore(pool, { schema: newSchema() })
    for (let round = 0; round < 5; round++) {
      const session = newSession()
      await store.insert(session, inserting)
      const writes = await Promise.all(times(100, () => store.rotate(session.id, rotation)))
      const winners = writes.filter(({ applied }) => applied)
      t.equal(winners.length, 1)
      for (const { row, storeTime } of writes) {
        t.strictSame(row, winners[0]!.row)
        t.ok(storeTime >= row!.rotatedAt, 'the time is not before the rotation')
      }
    }
  })

  await t.test('rotate() takes the time after it has waited for the row', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    const session = newSession()
    await store.insert(session, inserting)
    const other = await otherPool.connect()
    await other.query('BEGIN')
    await other.query(`SELECT FROM ${schema}.auth_sessions WHERE id = $1 FOR UPDATE`, [session.id])
    const rotating = store.rotate(session.id, rotation)
    await waitsForLock(otherPool, 1)
    const {
      rows: [{ released }]
    } = await other.query('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float AS released')
    await other.query('COMMIT')
    other.release()
    const { storeTime, row, applied } = await rotating
    t.ok(applied && storeTime >= released && row?.rotatedAt === storeTime)
  })

  await t.test('insert() concurrent with revokeAll() is refused or revoked', async (t) => {
    const store = newStore(pool, { schema: newSchema() })
    await store.find('a')
    const outcomes = await Promise.all(
      times(100, async (index) => {
        const session = newSession({ sub: `user ${index}` })
        const insert = () => store.insert(session, { ...inserting, authenticatedAge: () => 60_000 })
        const revokeAll = () => store.revokeAll(subject(session.sub), ending)
        await Promise.all(index % 2 === 0 ? [insert(), revokeAll()] : [revokeAll(), insert()])
        const { row } = await store.find(session.id)
        return row === null ? 'refused' : row.revokedAt === null ? 'missed' : 'revoked'
      })
    )
    t.notOk(outcomes.includes('missed'))
    t.strictSame([...new Set(outcomes)].sort(), ['refused', 'revoked'], 'both orders were tried')
  })

  await t.test('insert() refuses an age that is not a number, and keeps any device name', async (t) => {
    const store = newStore(pool, { schema: newSchema() })
    await store.revokeAll(subject('user'), ending)
    t.match(await store.insert(newSession(), { ...inserting, authenticatedAge: () => NaN }), { row: null })
    const device = '\0\ud800"Firefox"'
    const { row } = await store.insert(newSession({ device }), inserting)
    t.equal(row?.device, device)
    t.equal((await store.find(row!.id)).row?.device, device)
  })

  await t.test(
    'postgresStore() does not deadlock under concurrent calls, and no revoked session is live',
    async (t) => {
      const schema = newSchema()
      const nodes = [newStore(pool, { schema }), newStore(otherPool, { schema })]
      const subs = ['a', 'b', 'c']
      const ids = times(12, (): string => randomUUID())
      const ended = new Set<string>()
      const add = (sessions: readonly RevokedSession[]) => {
        for (const { id } of sessions) ended.add(id)
      }
      const operations: ((store: SessionStore) => Promise<unknown>)[] = [
        async (store) => {
          const session = newSession({ sub: pick(subs) })
          const revokeOthers = Math.random() < 0.2
          const inserted = await store.insert(session, {
            ...inserting,
            revokeOthers,
            maxSessions: 3,
            revoke: times(4, () => pick(ids))
          })
          if (inserted.row !== null) add([...inserted.revoked, ...inserted.evicted])
          ids[Math.floor(Math.random() * ids.length)] = session.id
        },
        async (store) => {
          const id = pick(ids)
          const { row } = await store.find(id)
          await store.rotate(id, { ...rotation, from: row?.generation ?? 0, to: (row?.generation ?? 0) + 1 })
        },
        (store) =>
          store.countRetry(pick(ids), {
            generation: 0,
            retries: [],
            keepRetries: [],
            idleMs: hourMs,
            accessLifetimeSeconds: 600
          }),
        (store) => store.countRepeat(pick(ids), { generation: 1, repeated: 0, streak: 1 }),
        async (store) => add([(await store.revoke(pick(ids), ending)).revoked].filter((one) => one !== null)),
        async (store) => add((await store.revokeAll(subject(pick(subs)), { ...ending, except: pick(ids) })).revoked),
        async (store) => add((await store.trim(subject(pick(subs)), { ...ending, maxSessions: 2 })).revoked),
        (store) =>
          store.appendRevocations(
            times(3, () => ({
              kind: 'session',
              id: pick(ids),
              until: Math.floor(Date.now() + Math.random() * 20 - 10)
            })),
            ending
          ),
        (store) => store.sweep()
      ]
      await t.resolves(
        Promise.all(
          times(16, async (worker) => {
            for (let count = 0; count < 40; count++) await pick(operations)(nodes[worker % 2]!)
          })
        )
      )
      const { rows } = await pool.query(`SELECT id FROM ${schema}.auth_sessions WHERE revoked_at IS NULL`)
      t.strictSame(
        rows.filter(({ id }) => ended.has(id)),
        []
      )
      t.ok(ended.size > 0)
    }
  )

  await t.test('readRevocations() misses no entry that is committed later', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(pool, { schema }), newStore(otherPool, { schema })]
    const session = newSession()
    await store.insert(session, inserting)
    const slow = await otherPool.connect()
    await slow.query('BEGIN')
    await slow.query(`SELECT ${schema}.auth_revoke($1, NULL, NULL, 600)`, [session.id])
    const writing = Promise.all(times(3, (index) => other.appendRevocations([...revokedTokens(`${index}`)], ending)))
    await waitsForLock(pool, 3)
    const before = await store.readRevocations(null, 10)
    t.match(before, { entries: [], cursor: '0.' })
    await slow.query('COMMIT')
    slow.release()
    await writing
    const after = await store.readRevocations(before.cursor, 10)
    t.equal(after.entries[0]?.id, session.id)
    t.strictSame(after.entries.map(({ id }) => id).sort(), [session.id, '0', '1', '2'].sort())
  })

  await t.test('readRevocations() follows parallel writers without a gap', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(pool, { schema }), newStore(otherPool, { schema })]
    const seen: string[] = []
    let writing = true
    const follow = async () => {
      for (let cursor: string | null = null, last = false; !last;) {
        last = !writing
        const page = await store.readRevocations(cursor, 1000)
        seen.push(...page.entries.map(({ id }) => id))
        cursor = page.cursor
        await setImmediate()
      }
    }
    const ids = times(100, (index) => `${index}`)
    const write = Promise.all(
      ids.map((id, index) => [store, other][index % 2]!.appendRevocations(revokedTokens(id), ending))
    ).finally(() => {
      writing = false
    })
    await Promise.all([write, follow()])
    t.strictSame(seen.sort(), ids.sort())
  })

  await t.test(
    'readRevocations() does not resume from another nonce at the same number, or from an invalid cursor',
    async (t) => {
      const store = newStore(pool, { schema: newSchema() })
      await store.appendRevocations(revokedTokens('a'), ending)
      const { cursor } = await store.readRevocations(null, 10)
      t.match(await store.readRevocations(cursor, 10), { entries: [], resumed: true })
      const wrong = [
        '',
        '.',
        '1',
        '1.',
        'x.y',
        '-1.x',
        "1.' OR 1",
        `1.${randomUUID()}`,
        `${'9'.repeat(30)}.${randomUUID()}`,
        `2${cursor}`
      ]
      for (const nonsense of wrong) {
        t.match(await store.readRevocations(nonsense, 10), { entries: [{ id: 'a' }], resumed: false }, nonsense)
      }
    }
  )

  await t.test('rotate() is durable when it resolves, also under synchronous_commit = off', async (t) => {
    const schema = newSchema()
    const pool = newPool({ options: '-c synchronous_commit=off' })
    await newStore(pool, { schema }).find('a')
    const client = await pool.connect()
    for (const call of [
      "auth_rotate('a', 0, 1, 0, 0, 0)",
      "auth_rotate_many('{a}', '{0}', '{1}', '{0}', '{0}', '{0}')"
    ]) {
      await client.query('BEGIN')
      await client.query(`SELECT ${schema}.${call}`)
      t.strictSame((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: 'on' }], call)
      await client.query('COMMIT')
      t.strictSame((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: 'off' }])
    }
    client.release()
  })

  await t.test('appendRevocations() writes 10,000 entries in batches, and a repetition writes none', async (t) => {
    const store = newStore(pool, { schema: newSchema() })
    const entries = revokedTokens(...times(10_000, String))
    await store.appendRevocations(entries, ending)
    const { cursor, entries: read } = await store.readRevocations(null, 20_000)
    t.equal(read.length, 10_000)
    await store.appendRevocations(entries, ending)
    t.match(await store.readRevocations(cursor, 10), { entries: [], resumed: true })
  })

  await t.test('insert() compares the age of a credential with the time before it waits for a lock', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    await store.find('a')
    const other = await otherPool.connect()
    await other.query('BEGIN')
    await other.query(
      `SELECT pg_advisory_xact_lock(hashtextextended('user', '${schema}.auth_subjects'::regclass::oid::bigint))`
    )
    const started = store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
    await waitsForLock(otherPool, 1)
    await other.query(`SELECT ${schema}.auth_revoke_all('{${issuer}}', 'user', NULL, 600, 1000)`)
    await other.query('COMMIT; SELECT pg_sleep(0.01)')
    other.release()
    t.match(await started, { row: null })
  })

  await t.test('insert() reads the age of a credential only once it has a client', async (t) => {
    const pool = newPool({ max: 1 })
    const store = newStore(pool, { schema: newSchema() })
    await store.find('a')
    const client = await pool.connect()
    let reads = 0
    const waiting = store.insert(newSession(), { ...inserting, authenticatedAge: () => ++reads })
    while (pool.waitingCount === 0) await setImmediate()
    t.equal(reads, 0)
    client.release()
    await waiting
    t.equal(reads, 1)
  })

  await t.test('insert() is refused once if the revokeAll() time is ahead of the clock', async (t) => {
    const schema = newSchema()
    const store = newStore(pool, { schema })
    await store.revokeAll(subject('user'), ending)
    await pool.query(`UPDATE ${schema}.auth_subjects SET at = at + ${hourMs}`)
    const insert = () => store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
    const { row, storeTime } = await insert()
    t.equal(row, null)
    while ((await store.find('a')).storeTime <= storeTime);
    t.match(await insert(), { row: { sub: 'user' } })
  })
})
