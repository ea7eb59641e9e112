import { randomUUID } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Pool } from 'pg'
import type { PoolConfig } from 'pg'
import t from 'tap'
import { storeContract } from '../plugin/stores/contract.ts'
import type { OpenStore } from '../plugin/stores/contract.ts'
import { postgresStore } from '../plugin/stores/postgres.ts'
import type { FeedEntry, NewSession, SessionStore } from '../plugin/stores/store.ts'
import { skip, startPostgres } from './fixtures/postgres-server.ts'

const hourMs = 3_600_000
const ending = { lifetimeSeconds: 600 }
const inserting = { end: [], ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: hourMs }
const newSession = (given: Partial<NewSession> = {}): NewSession => ({
  id: randomUUID(), sub: 'user', salt: 'salt', device: null, scope: null, claims: {}, accessLifetimeSeconds: 600, idleMs: hourMs, absoluteMs: 24 * hourMs, ...given
})
const times = <T>(count: number, call: (index: number) => T) => Array.from({ length: count }, (_, index) => call(index))
const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)]!
/** Something that can be awaited anew each time that it happens. */
function createEvent () {
  let happen = () => {}
  return {
    happen: () => happen(),
    next: () => new Promise<void>((resolve) => { happen = resolve })
  }
}
const tokenEntry = (id: string): FeedEntry => ({ kind: 'token', id, until: 1e15 })

t.setTimeout(180_000)

t.test('postgresStore()', { skip }, async (t) => {
  const server = await startPostgres()
  const pools: Pool[] = []
  const stores: SessionStore[] = []
  t.teardown(async () => {
    for (const store of stores) await store.close()
    await Promise.all(pools.map((pool) => pool.end()))
    await server.stop()
  })
  const newPool = (config: PoolConfig = {}) => {
    const pool = new Pool({ ...server.connection, max: 4, ...config })
    pools.push(pool)
    return pool
  }
  const newStore = (pool: Pool, schema: string) => {
    const store = postgresStore(pool, { schema })
    stores.push(store)
    return store
  }
  const [mine, theirs] = [newPool(), newPool()]
  let schemas = 0
  const newSchema = () => `schema_${++schemas}`

  await t.test('keeps the contract', async (t) => {
    async function open (): Promise<OpenStore> {
      const schema = newSchema()
      const opened = [postgresStore(mine, { schema })]
      return {
        store: opened[0]!,
        another: async () => {
          opened[1] = postgresStore(theirs, { schema })
          return opened[1]
        },
        async close () { for (const store of opened) await store.close() }
      }
    }
    for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
  })

  await t.test('makes its tables once, though many nodes start together over an empty database', async (t) => {
    const schema = newSchema()
    const nodes = times(8, () => newStore(newPool({ max: 2 }), schema))
    await t.resolves(Promise.all(nodes.flatMap((store) => [store.find('a'), store.list('a'), store.readFeed(null, 1)])))
    const { rows } = await mine.query(`SELECT step FROM ${schema}.auth_schema ORDER BY step`)
    t.strictSame(rows, [{ step: '001-sessions' }, { step: '002-functions' }])
  })

  await t.test('needs no right to create anything where its tables are', async (t) => {
    const schema = newSchema()
    await newStore(mine, schema).find('a')
    await mine.query(`CREATE ROLE application LOGIN; GRANT USAGE ON SCHEMA ${schema} TO application;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO application`)
    const store = newStore(newPool({ user: 'application' }), schema)
    const session = newSession()
    await store.insert(session, inserting)
    t.match(await store.rotate(session.id, rotation), { applied: true })
    t.match(await store.revoke(session.id, ending), { id: session.id })
    t.equal(await store.sweep(), 0)
    await t.rejects(newStore(newPool({ user: 'application' }), newSchema()).find('a'), { code: '42501' })
  })

  await t.test('makes its tables at the next call when it could not at the first', async (t) => {
    const config = { user: 'nobody here' }
    const pool = newPool(config)
    const store = newStore(pool, newSchema())
    await t.rejects(store.find('a'), { code: '28000' })
    Object.assign(pool.options, { user: server.connection.user })
    t.match(await store.find('a'), { row: null })
  })

  await t.test('rotate() has one winner of 100, and every loser is shown the row as the winner left it', async (t) => {
    const store = newStore(mine, newSchema())
    for (let round = 0; round < 5; round++) {
      const session = newSession()
      await store.insert(session, inserting)
      const writes = await Promise.all(times(100, () => store.rotate(session.id, rotation)))
      const winners = writes.filter(({ applied }) => applied)
      t.equal(winners.length, 1)
      for (const { row, now } of writes) {
        t.strictSame(row, winners[0]!.row)
        t.ok(now >= row!.rotatedAt, 'the time is not older than the row')
      }
    }
  })

  await t.test('rotate() takes the time after it has waited for the row', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    const session = newSession()
    await store.insert(session, inserting)
    const other = await theirs.connect()
    await other.query('BEGIN')
    await other.query(`SELECT FROM ${schema}.auth_sessions WHERE id = $1 FOR UPDATE`, [session.id])
    const rotating = store.rotate(session.id, rotation)
    await waits(theirs, 1)
    const { rows: [{ released }] } = await other.query('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float AS released')
    await other.query('COMMIT')
    other.release()
    const { now, row, applied } = await rotating
    t.ok(applied && now >= released && row?.rotatedAt === now)
  })

  await t.test('insert() against revokeAll(): no login slips between', async (t) => {
    const store = newStore(mine, newSchema())
    const { now } = await store.find('a')
    const outcomes = await Promise.all(times(200, async (index) => {
      const session = newSession({ sub: `user ${index}` })
      const insert = () => store.insert(session, { ...inserting, authenticatedAt: now - 1 })
      const revokeAll = () => store.revokeAll(session.sub, ending)
      await Promise.all(index % 2 === 0 ? [insert(), revokeAll()] : [revokeAll(), insert()])
      const { row } = await store.find(session.id)
      return row === null ? 'refused' : row.revokedAt === null ? 'slipped between' : 'ended'
    }))
    t.notOk(outcomes.includes('slipped between'))
    t.strictSame([...new Set(outcomes)].sort(), ['ended', 'refused'], 'both orders were tried')
  })

  await t.test('insert() refuses what is no time, and keeps the name of a device whatever is in it', async (t) => {
    const store = newStore(mine, newSchema())
    await store.revokeAll('user', ending)
    t.match(await store.insert(newSession(), { ...inserting, authenticatedAt: NaN }), { row: null, ended: [] })
    const device = '\0\ud800"Firefox"'
    const { row } = await store.insert(newSession({ device }), inserting)
    t.equal(row?.device, device)
    t.equal((await store.find(row!.id)).row?.device, device)
  })

  await t.test('no calls wait for each other in a circle, and nothing that was ended lives', async (t) => {
    const schema = newSchema()
    const nodes = [newStore(mine, schema), newStore(theirs, schema)]
    const subs = ['a', 'b', 'c']
    const ids = times(12, (): string => randomUUID())
    const ended = new Set<string>()
    const add = (sessions: readonly { id: string }[]) => { for (const { id } of sessions) ended.add(id) }
    const operations: ((store: SessionStore) => Promise<unknown>)[] = [
      async (store) => {
        const session = newSession({ sub: pick(subs) })
        const inserted = await store.insert(session, { ...inserting, end: times(4, () => pick(ids)) })
        add(inserted.ended)
        ids[Math.floor(Math.random() * ids.length)] = session.id
      },
      async (store) => {
        const id = pick(ids)
        const { row } = await store.find(id)
        await store.rotate(id, { ...rotation, from: row?.generation ?? 0, to: (row?.generation ?? 0) + 1 })
      },
      (store) => store.countRetry(pick(ids), { generation: 0, retries: [], keep: [], idleMs: hourMs }),
      async (store) => add([await store.revoke(pick(ids), ending)].filter((one) => one !== null)),
      async (store) => add(await store.revokeAll(pick(subs), ending)),
      (store) => store.feed(times(3, () => ({ kind: 'session', id: pick(ids), until: Math.floor(Date.now() + Math.random() * 20 - 10) }))),
      (store) => store.sweep()
    ]
    await t.resolves(Promise.all(times(16, async (worker) => {
      for (let count = 0; count < 40; count++) await pick(operations)(nodes[worker % 2]!)
    })))
    const { rows } = await mine.query(`SELECT id FROM ${schema}.auth_sessions WHERE revoked_at IS NULL`)
    t.strictSame(rows.filter(({ id }) => ended.has(id)), [])
    t.ok(ended.size > 0)
  })

  await t.test('readFeed() passes no entry that is not yet committed', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(mine, schema), newStore(theirs, schema)]
    const session = newSession()
    await store.insert(session, inserting)
    const slow = await theirs.connect()
    await slow.query('BEGIN')
    await slow.query(`SELECT ${schema}.auth_revoke($1, NULL, 600)`, [session.id])
    const writing = Promise.all(times(3, (index) => other.feed([tokenEntry(`${index}`)])))
    await waits(mine, 3)
    const before = await store.readFeed(null, 10)
    t.match(before, { entries: [], cursor: '0.' })
    await slow.query('COMMIT')
    slow.release()
    await writing
    const after = await store.readFeed(before.cursor, 10)
    t.equal(after.entries[0]?.id, session.id)
    t.strictSame(after.entries.map(({ id }) => id).sort(), [session.id, '0', '1', '2'].sort())
  })

  await t.test('readFeed() follows parallel writers without a gap', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(mine, schema), newStore(theirs, schema)]
    const seen: string[] = []
    let writing = true
    const follow = async () => {
      for (let cursor: string | null = null, last = false; !last;) {
        last = !writing
        const page = await store.readFeed(cursor, 1000)
        seen.push(...page.entries.map(({ id }) => id))
        cursor = page.cursor
        await setImmediate()
      }
    }
    const ids = times(200, (index) => `${index}`)
    const write = Promise.all(ids.map((id, index) => [store, other][index % 2]!.feed([tokenEntry(id)]))).finally(() => { writing = false })
    await Promise.all([write, follow()])
    t.strictSame(seen.sort(), ids.sort())
  })

  await t.test('readFeed() does not resume from another mark at the same number, nor from nonsense', async (t) => {
    const store = newStore(mine, newSchema())
    await store.feed([tokenEntry('a')])
    const { cursor } = await store.readFeed(null, 10)
    t.match(await store.readFeed(cursor, 10), { entries: [], resumed: true })
    const wrong = ['', '.', '1', '1.', 'x.y', '-1.x', "1.' OR 1", `1.${randomUUID()}`, `${'9'.repeat(30)}.${randomUUID()}`, `2${cursor}`]
    for (const nonsense of wrong) t.match(await store.readFeed(nonsense, 10), { entries: [{ id: 'a' }], resumed: false }, nonsense)
  })

  await t.test('subscribe() is woken by what another node commits, and again after the connection was lost', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(newPool(), schema), newStore(theirs, schema)]
    const { happen, next } = createEvent()
    const first = next()
    await store.subscribe!(happen)
    await first
    const pushed = next()
    await other.feed([tokenEntry('a')])
    await pushed
    for (let round = 0; round < 3; round++) {
      const back = next()
      await mine.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN "${schema}.auth_feed"'`)
      await back
    }
    const again = next()
    await other.feed([tokenEntry('b')])
    await again
    await store.close()
    t.pass('nothing but the events was waited for')
  })

  await t.test('subscribe() takes nothing from a pool of one client, and close() gives back what it took', async (t) => {
    const schema = newSchema()
    const single = newStore(newPool({ max: 1 }), schema)
    await single.subscribe!(() => t.fail('woken'))
    t.match(await single.find('a'), { row: null })
    const pool = newPool({ max: 2 })
    const store = newStore(pool, schema)
    await store.subscribe!(() => {})
    await store.find('a')
    t.strictSame([pool.totalCount, pool.idleCount], [2, 1])
    await store.close()
    t.strictSame([pool.totalCount, pool.idleCount], [1, 1])
  })

  await t.test('a call that cannot be answered rejects in 2 s, and leaves the pool all its clients', async (t) => {
    const [rowLocked, tableLocked] = [newSchema(), newSchema()]
    const pool = newPool({ max: 2 })
    const [writer, reader] = [newStore(theirs, rowLocked), newStore(pool, tableLocked)]
    const session = newSession()
    for (const store of [writer, reader]) await store.insert(session, inserting)
    const other = await mine.connect()
    await other.query('BEGIN')
    await other.query(`SELECT FROM ${rowLocked}.auth_sessions FOR UPDATE`)
    await other.query(`LOCK TABLE ${tableLocked}.auth_sessions`)
    const start = performance.now()
    const late = { message: 'PostgreSQL did not answer within 1900 ms' }
    await Promise.all([
      t.rejects(writer.rotate(session.id, rotation), { code: '55P03' }, 'the server ends the patience of a writer'),
      ...times(4, () => t.rejects(reader.find(session.id), late, 'also of those that wait for a client'))
    ])
    t.ok(performance.now() - start < 2400)
    await other.query('COMMIT')
    other.release()
    await Promise.all(times(4, async () => t.match(await reader.find(session.id), { row: { generation: 0 } })))
    t.match(await writer.rotate(session.id, rotation), { applied: true })
    t.ok(pool.totalCount <= 2 && pool.waitingCount === 0)
  })

  await t.test('refuses an isolation level under which a login could slip between', async (t) => {
    const pool = newPool({ options: '-c default_transaction_isolation=repeatable\\ read' })
    await t.rejects(newStore(pool, newSchema()).insert(newSession(), inserting), { message: /read committed/ })
  })

  await t.test('writes to the disk before it answers, whatever the default is', async (t) => {
    const schema = newSchema()
    const pool = newPool({ options: '-c synchronous_commit=off' })
    await newStore(pool, schema).find('a')
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(`SELECT ${schema}.auth_rotate('a', 0, 1, 0, 0)`)
    t.strictSame((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: 'on' }])
    await client.query('COMMIT')
    t.strictSame((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: 'off' }])
    client.release()
  })

  await t.test('finds, lists and reads on by an index', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    await store.find('a')
    await mine.query(`INSERT INTO ${schema}.auth_sessions (id, sub, salt, created_at, rotated_at, idle_expires_at, absolute_expires_at,
      access_lifetime_seconds, claims) SELECT n, n % 3000, '', n, n, n, n, 600, '{}' FROM generate_series(1, 6000) AS n;
      INSERT INTO ${schema}.auth_feed (kind, id, until) SELECT 'token', n, 1 FROM generate_series(1, 6000) AS n; ANALYZE`)
    const texts: string[] = []
    const watching = {
      on: () => {},
      removeListener: () => {},
      async connect () {
        const client = await mine.connect()
        return {
          on: () => {},
          removeListener: () => {},
          release: (error?: Error) => client.release(error),
          async query (text: string, values: unknown[] = []) {
            if (text.includes('AS clock')) texts.push((await client.query(`EXPLAIN (FORMAT JSON) ${text}`, values)).rows.map((row) => JSON.stringify(row)).join())
            return client.query(text, values)
          }
        }
      }
    }
    const watched = postgresStore(watching, { schema })
    await watched.find('7')
    await watched.list('7')
    await watched.readFeed((await store.readFeed(null, 5000)).cursor, 10)
    for (const [index, name] of ['auth_sessions_pkey', 'auth_sessions_sub', 'auth_feed_pkey'].entries()) {
      t.match(texts[index], `"Index Name":"${name}"`)
      t.notMatch(texts[index], 'Seq Scan')
    }
    t.equal(await store.sweep(), 6000, 'in more than one batch')
    t.equal((await store.readFeed(null, 10)).entries.length, 1, 'the newest stays')
    t.equal(await store.sweep(), 0)
  })

  await t.test('rejects while the server is down, loses nothing that was answered, and resumes by itself', async (t) => {
    const store = newStore(mine, newSchema())
    const session = newSession()
    await store.insert(session, inserting)
    const { happen, next } = createEvent()
    await store.subscribe!(happen)
    let answered = 0
    let longestMs = 0
    const crashes = { left: 2 }
    const codes = new Set<unknown>()
    const refresh = async () => {
      while (crashes.left > 0) {
        const from = answered
        const start = performance.now()
        await store.rotate(session.id, { ...rotation, from, to: from + 1 }).then(
          ({ row }) => { answered = Math.max(answered, row!.generation) },
          ({ code }: { code?: string }) => codes.add(code))
        longestMs = Math.max(longestMs, performance.now() - start)
        // A pace, for a server that is down refuses at once.
        await setTimeout(20)
      }
    }
    const refreshing = Promise.all(times(6, refresh))
    for (; crashes.left > 0; crashes.left--) {
      const before = answered
      const woken = next()
      await server.crash()
      await server.start()
      await woken
      const { row } = await store.find(session.id)
      t.ok(row!.generation >= before, 'what was answered is there')
      while (answered <= row!.generation) await setTimeout(20)
    }
    await refreshing
    t.ok(longestMs < 2500, `${longestMs} ms`)
    t.ok(codes.size > 0, [...codes].join())
  })

  await t.test('refuses to read or write on a replica', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    await store.insert(newSession({ id: 'a' }), inserting)
    await server.restartAsReplica()
    const calls: (() => Promise<unknown>)[] = [
      () => store.find('a'), () => store.find('b'), () => store.list('user'), () => store.list('nobody'), () => store.readFeed(null, 1),
      () => store.rotate('a', rotation), () => store.revoke('a', ending), () => store.insert(newSession(), inserting), () => store.sweep()
    ]
    for (const call of calls) await t.rejects(call(), { code: '25006' })
  })

  async function waits (pool: Pool, count: number): Promise<void> {
    for (let waiting = 0; waiting < count;) {
      waiting = (await pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rows.length
    }
  }
})

t.test('postgresStore() refuses names of schemas that would have to be quoted', async (t) => {
  const pool = { connect: () => Promise.reject(new Error('no')), on: () => {}, removeListener: () => {} }
  for (const schema of ['', 'a b', 'a"b', "a'", 'ä', 'a'.repeat(41)]) {
    t.throws(() => postgresStore(pool, { schema }), { name: 'RangeError', message: /^"schema" must be/ }, schema)
  }
  await t.rejects(postgresStore(pool).find('a'), { message: 'no' })
})
