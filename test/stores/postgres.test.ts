import { randomUUID } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Pool } from 'pg'
import type { PoolConfig } from 'pg'
import t from 'tap'
import { storeContract } from '../../plugin/stores/contract.ts'
import type { OpenStore } from '../../plugin/stores/contract.ts'
import { postgresStore } from '../../plugin/stores/postgres.ts'
import type {
  InsertOptions,
  NewSession,
  Revocation,
  RevokedSession,
  SessionStore
} from '../../plugin/stores/session-store.ts'
import { skip, startPostgres } from '../fixtures/postgres-server.ts'

const hourMs = 3_600_000
const ending = { lifetimeSeconds: 600 }
const issuer = 'https://issuer.example'
const inserting: InsertOptions = { issuers: [issuer], revoke: [], maxSessions: 100, ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: hourMs, accessLifetimeSeconds: 600 }
const subject = (sub: string) => ({ issuers: [issuer], sub })
const newSession = (given: Partial<NewSession> = {}): NewSession => ({
  id: randomUUID(),
  issuer,
  sub: 'user',
  sessionKey: 'sessionKey',
  device: null,
  scope: null,
  claims: {},
  accessLifetimeSeconds: 600,
  idleMs: hourMs,
  absoluteMs: 24 * hourMs,
  ...given
})
const times = <T>(count: number, call: (index: number) => T) => Array.from({ length: count }, (_, index) => call(index))
const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)]!
/** Something that can be awaited anew each time that it happens. */
function createEvent() {
  let happen = () => {}
  return {
    happen: () => happen(),
    next: () =>
      new Promise<void>((resolve) => {
        happen = resolve
      })
  }
}
const tokenEntry = (id: string): Revocation => ({ kind: 'token', id, until: 1e15 })

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
    async function open(): Promise<OpenStore> {
      const schema = newSchema()
      const opened = [postgresStore(mine, { schema })]
      return {
        store: opened[0]!,
        another: async () => {
          opened[1] = postgresStore(theirs, { schema })
          return opened[1]
        },
        async close() {
          for (const store of opened) await store.close()
        }
      }
    }
    for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
  })

  await t.test('makes its tables once, though many nodes start together over an empty database', async (t) => {
    const schema = newSchema()
    const nodes = times(8, () => newStore(newPool({ max: 2 }), schema))
    await t.resolves(
      Promise.all(
        nodes.flatMap((store) => [
          store.find('a'),
          store.list(subject('a'), { limit: 1 }),
          store.readRevocations(null, 1)
        ])
      )
    )
    const { rows } = await mine.query(`SELECT step FROM ${schema}.auth_schema ORDER BY step`)
    t.strictSame(
      rows.map(({ step }) => step),
      ['001-sessions', '002-functions', '003-subjects', '004-functions']
    )
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
    t.match(await store.revoke(session.id, ending), { revoked: { id: session.id } })
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
      for (const { row, storeTime } of writes) {
        t.strictSame(row, winners[0]!.row)
        t.ok(storeTime >= row!.rotatedAt, 'the time is not older than the row')
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
    const {
      rows: [{ released }]
    } = await other.query('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float AS released')
    await other.query('COMMIT')
    other.release()
    const { storeTime, row, applied } = await rotating
    t.ok(applied && storeTime >= released && row?.rotatedAt === storeTime)
  })

  await t.test('insert() against revokeAll(): no sign-in slips between', async (t) => {
    const store = newStore(mine, newSchema())
    await store.find('a')
    const outcomes = await Promise.all(
      times(100, async (index) => {
        const session = newSession({ sub: `user ${index}` })
        const insert = () => store.insert(session, { ...inserting, authenticatedAge: () => 60_000 })
        const revokeAll = () => store.revokeAll(subject(session.sub), ending)
        await Promise.all(index % 2 === 0 ? [insert(), revokeAll()] : [revokeAll(), insert()])
        const { row } = await store.find(session.id)
        return row === null ? 'refused' : row.revokedAt === null ? 'slipped between' : 'revoked'
      })
    )
    t.notOk(outcomes.includes('slipped between'))
    t.strictSame([...new Set(outcomes)].sort(), ['refused', 'revoked'], 'both orders were tried')
  })

  await t.test('insert() refuses an age that is not a number, and keeps any name of a device', async (t) => {
    const store = newStore(mine, newSchema())
    await store.revokeAll(subject('user'), ending)
    t.match(await store.insert(newSession(), { ...inserting, authenticatedAge: () => NaN }), { row: null })
    const device = '\0\ud800"Firefox"'
    const { row } = await store.insert(newSession({ device }), inserting)
    t.equal(row?.device, device)
    t.equal((await store.find(row!.id)).row?.device, device)
  })

  await t.test('no calls wait for each other in a circle, and no session that was revoked lives', async (t) => {
    const schema = newSchema()
    const nodes = [newStore(mine, schema), newStore(theirs, schema)]
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
          times(3, () => ({ kind: 'session', id: pick(ids), until: Math.floor(Date.now() + Math.random() * 20 - 10) })),
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
    const { rows } = await mine.query(`SELECT id FROM ${schema}.auth_sessions WHERE revoked_at IS NULL`)
    t.strictSame(
      rows.filter(({ id }) => ended.has(id)),
      []
    )
    t.ok(ended.size > 0)
  })

  await t.test('readRevocations() passes no entry that is not yet committed', async (t) => {
    const schema = newSchema()
    const [store, other] = [newStore(mine, schema), newStore(theirs, schema)]
    const session = newSession()
    await store.insert(session, inserting)
    const slow = await theirs.connect()
    await slow.query('BEGIN')
    await slow.query(`SELECT ${schema}.auth_revoke($1, NULL, NULL, 600)`, [session.id])
    const writing = Promise.all(times(3, (index) => other.appendRevocations([tokenEntry(`${index}`)], ending)))
    await waits(mine, 3)
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
    const [store, other] = [newStore(mine, schema), newStore(theirs, schema)]
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
      ids.map((id, index) => [store, other][index % 2]!.appendRevocations([tokenEntry(id)], ending))
    ).finally(() => {
      writing = false
    })
    await Promise.all([write, follow()])
    t.strictSame(seen.sort(), ids.sort())
  })

  await t.test(
    'readRevocations() does not resume from another mark at the same number, nor from nonsense',
    async (t) => {
      const store = newStore(mine, newSchema())
      await store.appendRevocations([tokenEntry('a')], ending)
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

  await t.test(
    'subscribe() is woken by what another node commits, and again after the connection was lost',
    async (t) => {
      const schema = newSchema()
      const [store, other] = [newStore(newPool(), schema), newStore(theirs, schema)]
      const { happen, next } = createEvent()
      const first = next()
      await store.subscribe!(happen)
      await first
      const pushed = next()
      await other.appendRevocations([tokenEntry('a')], ending)
      await pushed
      for (let round = 0; round < 3; round++) {
        const back = next()
        await mine.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
        await back
      }
      const again = next()
      await other.appendRevocations([tokenEntry('b')], ending)
      await again
      await store.close()
      t.pass('nothing but the events was waited for')
    }
  )

  await t.test('a call that the database does not finish rejects, and leaves the pool all its clients', async (t) => {
    const [rowLocked, tableLocked] = [newSchema(), newSchema()]
    const pool = newPool({ max: 2 })
    const [writer, reader] = [newStore(theirs, rowLocked), newStore(pool, tableLocked)]
    const session = newSession()
    for (const store of [writer, reader]) await store.insert(session, inserting)
    const other = await mine.connect()
    await other.query('BEGIN')
    await other.query(`SELECT FROM ${rowLocked}.auth_sessions FOR UPDATE`)
    await other.query(`LOCK TABLE ${tableLocked}.auth_sessions`)
    const late = { message: /lock timeout|PostgreSQL did not respond within 1800 ms/ }
    await Promise.all([
      t.rejects(writer.rotate(session.id, rotation), { code: '55P03' }, 'the server ends the wait of a writer'),
      ...times(4, () => t.rejects(reader.find(session.id), late, 'also of those that wait for a client'))
    ])
    await other.query('COMMIT')
    other.release()
    await Promise.all(times(4, async () => t.match(await reader.find(session.id), { row: { generation: 0 } })))
    t.match(await writer.rotate(session.id, rotation), { applied: true })
    t.ok(pool.totalCount <= 2 && pool.waitingCount === 0)
  })

  await t.test('refuses an isolation level under which a sign-in could slip between', async (t) => {
    const pool = newPool({ options: '-c default_transaction_isolation=repeatable\\ read' })
    await t.rejects(newStore(pool, newSchema()).insert(newSession(), inserting), { message: /read committed/ })
  })

  await t.test('writes to the disk before it responds, whatever the default is', async (t) => {
    const schema = newSchema()
    const pool = newPool({ options: '-c synchronous_commit=off' })
    await newStore(pool, schema).find('a')
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query(`SELECT ${schema}.auth_rotate('a', 0, 1, 0, 0, 0)`)
    t.strictSame((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: 'on' }])
    await client.query('COMMIT')
    t.strictSame((await client.query('SHOW synchronous_commit')).rows, [{ synchronous_commit: 'off' }])
    client.release()
  })

  /** What a call costs in rows read, whatever the machine's pace is: counted by the server. */
  async function rowsRead(pool: Pool, schema: string, call: string): Promise<number> {
    const client = await pool.connect()
    const count = async (): Promise<number> => {
      const {
        rows: [{ read }]
      } =
        await client.query(`SELECT sum(pg_stat_get_xact_tuples_fetched(oid) + pg_stat_get_xact_tuples_returned(oid))::integer AS read
        FROM pg_class WHERE oid IN ('auth_sessions'::regclass, 'auth_subjects'::regclass, 'auth_feed'::regclass)`)
      return read
    }
    await client.query(`BEGIN; SET LOCAL search_path = ${schema}`)
    const before = await count()
    await client.query(call)
    const read = (await count()) - before
    await client.query('ROLLBACK')
    client.release()
    return read
  }
  const fill = (schema: string, count: number, { sub = "'filler'", idleMs = hourMs } = {}) =>
    mine.query(
      `INSERT INTO ${schema}.auth_sessions
    (id, issuer, sub, salt, created_at, rotated_at, idle_expires_at, absolute_expires_at, sweep_at, access_lifetime_seconds, claims)
    SELECT gen_random_uuid(), '${issuer}', ${sub}, '', now - 60000 - n, now - 60000 - n, now + ${idleMs}, now + ${hourMs}, now + ${idleMs}, 600, '{}'
    FROM generate_series(1, ${count}) AS n, auth_now() AS now`.replace('auth_now', `${schema}.auth_now`)
    )

  await t.test(
    'no call reads other rows than its own, though its plan was made while the tables were small',
    async (t) => {
      const schema = newSchema()
      // Not the store's: nobody else listens for the end of its connection.
      const pool = newPool({ max: 1 }).on('error', () => {})
      const store = newStore(mine, schema)
      await store.find('a')
      const calls = {
        find: "SELECT auth_find('x')",
        list: `SELECT auth_list('{${issuer}}', 'user', 100)`,
        rotate: "SELECT auth_rotate('x', 0, 1, 0, 1000, 600)",
        insert: `SELECT auth_insert('new', '${issuer}', 'user', '', NULL, NULL, '{}', 600, 1000, 1000, '{${issuer}}', '{x}', false, 10, 60000, 600, 1000)`,
        'insert, revoking others': `SELECT auth_insert('new', '${issuer}', 'user', '', NULL, NULL, '{}', 600, 1000, 1000, '{${issuer}}', '{x}', true, 10, 60000, 600, 1000)`,
        revoke: `SELECT auth_revoke('x', '{${issuer}}', 'user', 600)`,
        revokeAll: `SELECT auth_revoke_all('{${issuer}}', 'user', NULL, 600, 1000)`,
        trim: `SELECT auth_trim('{${issuer}}', 'user', 1, 600, 1000)`,
        append: "SELECT auth_append('{session,token}', '{x,y}', '{1000000000000000,1000000000000000}', 600)",
        sweep: 'SELECT auth_sweep(0, 0, 1000)'
      }
      await fill(schema, 600)
      for (const call of Object.values(calls)) {
        for (let round = 0; round < 7; round++) await rowsRead(pool, schema, call)
      }
      await fill(schema, 5000, { sub: 'n % 3' })
      await store.insert(newSession({ id: 'x' }), inserting)
      await store.insert(newSession(), inserting)
      await store.appendRevocations(
        times(2000, (index) => tokenEntry(`${index}`)),
        ending
      )
      await mine.query(
        `INSERT INTO ${schema}.auth_subjects (issuer, sub, at, sweep_at) SELECT '', n, 1, 1e15 FROM generate_series(1, 2000) AS n`
      )
      for (const [name, call] of Object.entries(calls)) {
        const read = await rowsRead(pool, schema, call)
        t.ok(read < 60, `${name}: ${read} rows`)
      }
    }
  )

  await t.test('revokeAll() ends 80,000 sessions of one subject in one step, and logs them in batches', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    const kept = newSession()
    await store.insert(kept, inserting)
    await fill(schema, 80_000, { sub: "'user'" })
    const { rows } = await store.list(subject('user'), { limit: 100 })
    t.equal(rows.length, 100)
    t.equal(rows.at(-1)!.id, kept.id, 'the most recently rotated are listed')
    const { revoked, more } = await store.revokeAll(subject('user'), { ...ending, except: kept.id })
    t.strictSame([revoked.length, more], [1000, true])
    t.strictSame(
      (await store.list(subject('user'), { limit: 100 })).rows.map(({ id }) => id),
      [kept.id]
    )
    const {
      rows: [left]
    } = await mine.query(
      `SELECT id FROM ${schema}.auth_sessions WHERE revoked_at IS NULL AND id <> '${kept.id}' LIMIT 1`
    )
    t.match(await store.rotate(left.id, rotation), { applied: false, row: { revokedAt: Number } })
    t.match(await store.trim(subject('user'), { ...ending, maxSessions: 100 }), {
      revoked: { length: 1000 },
      more: true
    })
  })

  await t.test(
    'insert() evicts in batches where a subject has 80,000 sessions from before there was a maximum',
    async (t) => {
      const schema = newSchema()
      const store = newStore(mine, schema)
      await store.find('a')
      await fill(schema, 80_000, { sub: "'user'" })
      const session = newSession()
      t.match(await store.insert(session, inserting), { evicted: { length: 1000 }, more: true })
      t.match(await store.trim(subject('user'), { ...ending, maxSessions: 100 }), {
        revoked: { length: 1000 },
        more: true
      })
      t.match(await store.find(session.id), { row: { revokedAt: null } })
    }
  )

  await t.test('rotate() touches no index', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    await store.insert(newSession({ id: 'x', absoluteMs: 1000 * hourMs }), inserting)
    const client = await mine.connect()
    await client.query('BEGIN')
    await client.query(`SELECT ${schema}.auth_rotate('x', 0, 1, 0, ${hourMs + 20 * 60_000}, 600)`)
    const { rows } = await client.query(
      `SELECT pg_stat_get_xact_tuples_hot_updated('${schema}.auth_sessions'::regclass)::integer AS hot`
    )
    await client.query('COMMIT')
    client.release()
    t.strictSame(rows, [{ hot: 1 }])
    t.match(await store.find('x'), { row: { generation: 1 } })
  })

  await t.test('sweep() looks at no session before its time, and at one that was refreshed once', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    await store.insert(newSession({ id: 'refreshed', idleMs: 1 }), inserting)
    await mine.query(`UPDATE ${schema}.auth_sessions SET idle_expires_at = absolute_expires_at`)
    await fill(schema, 5000, { idleMs: 1000 * 60 })
    await fill(schema, 3, { idleMs: -1 })
    t.ok((await rowsRead(mine, schema, 'SELECT auth_sweep(0, 0, 1000)')) < 30, 'four are due')
    t.equal(await store.sweep(), 3)
    // Else what was removed is looked at once more.
    await mine.query(`VACUUM (INDEX_CLEANUP ON) ${schema}.auth_sessions`)
    t.equal(await rowsRead(mine, schema, 'SELECT auth_sweep(0, 0, 1000)'), 0, 'none is')
    t.match(await store.find('refreshed'), { row: { id: 'refreshed' } })
    await mine.query(`UPDATE ${schema}.auth_sessions SET idle_expires_at = 1, sweep_at = 1`)
    t.ok(
      (await rowsRead(mine, schema, 'SELECT auth_sweep(0, 0, 100)')) < 1000,
      'a batch does not look at those of the next'
    )
    t.equal(await store.sweep(), 5001, 'in more than one batch')
  })

  await t.test('sweep() removes expired entries but the newest, and looks at no other', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    await store.appendRevocations(
      times(2500, (index) => ({ kind: 'token', id: `old ${index}`, until: 1 })),
      ending
    )
    await store.appendRevocations(
      times(2000, (index) => tokenEntry(`${index}`)),
      ending
    )
    await store.sweep()
    t.equal((await store.readRevocations(null, 5000)).entries.length, 2000)
    await mine.query(`VACUUM (INDEX_CLEANUP ON) ${schema}.auth_feed`)
    t.ok((await rowsRead(mine, schema, 'SELECT auth_sweep(0, 0, 1000)')) < 5, 'no entry is due')
    await mine.query(`UPDATE ${schema}.auth_feed SET until = 1`)
    await store.sweep()
    t.equal((await store.readRevocations(null, 10)).entries.length, 1, 'the newest stays')
  })

  await t.test(
    'sweep() keeps the counter of a subject while a session depends on it, and forgets it afterwards',
    async (t) => {
      const schema = newSchema()
      const store = newStore(mine, schema)
      const [behind, live] = [newSession(), newSession()]
      await store.insert(behind, inserting)
      await store.revokeAll(subject('user'), ending)
      await mine.query(`UPDATE ${schema}.auth_sessions SET revoked_at = NULL, revoked_until = NULL`)
      await store.insert(live, inserting)
      const age = () => mine.query(`UPDATE ${schema}.auth_subjects SET at = at - 90000000, sweep_at = 0`)
      await age()
      await store.sweep()
      t.match(await store.rotate(behind.id, rotation), { applied: false })
      t.match(await store.rotate(live.id, rotation), { applied: true })
      await mine.query(`DELETE FROM ${schema}.auth_sessions`)
      await age()
      await store.sweep()
      t.strictSame((await mine.query(`SELECT sub FROM ${schema}.auth_subjects`)).rows, [])
    }
  )

  await t.test('appendRevocations() writes 100,000 entries in batches, and a repetition writes none', async (t) => {
    const store = newStore(mine, newSchema())
    const entries = times(100_000, (index) => tokenEntry(`${index}`))
    await store.appendRevocations(entries, ending)
    const { cursor, entries: read } = await store.readRevocations(null, 200_000)
    t.equal(read.length, 100_000)
    await store.appendRevocations(entries, ending)
    t.match(await store.readRevocations(cursor, 10), { entries: [], resumed: true })
  })

  await t.test(
    'insert() compares the age of a credential with the time of its arrival, not the time after a lock',
    async (t) => {
      const schema = newSchema()
      const store = newStore(mine, schema)
      await store.find('a')
      const other = await theirs.connect()
      await other.query('BEGIN')
      await other.query(
        `SELECT pg_advisory_xact_lock(hashtextextended('user', '${schema}.auth_subjects'::regclass::oid::bigint))`
      )
      const started = store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
      await waits(theirs, 1)
      await other.query(`SELECT ${schema}.auth_revoke_all('{${issuer}}', 'user', NULL, 600, 1000)`)
      await other.query('COMMIT; SELECT pg_sleep(0.01)')
      other.release()
      t.match(await started, { row: null })
    }
  )

  await t.test('insert() asks the age of a credential when it has a client', async (t) => {
    const pool = newPool({ max: 1 })
    const store = newStore(pool, newSchema())
    await store.find('a')
    const client = await pool.connect()
    let asked = 0
    const waiting = store.insert(newSession(), { ...inserting, authenticatedAge: () => ++asked })
    while (pool.waitingCount === 0) await setImmediate()
    t.equal(asked, 0)
    client.release()
    await waiting
    t.equal(asked, 1)
  })

  await t.test('insert() is refused once where the time of revokeAll() lies ahead of the clock', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
    await store.revokeAll(subject('user'), ending)
    await mine.query(`UPDATE ${schema}.auth_subjects SET at = at + ${hourMs}`)
    const insert = () => store.insert(newSession(), { ...inserting, authenticatedAge: () => 0 })
    const { row, storeTime } = await insert()
    t.equal(row, null)
    while ((await store.find('a')).storeTime <= storeTime);
    t.match(await insert(), { row: { sub: 'user' } })
  })

  await t.test(
    'rejects while the server is down, loses nothing that was acknowledged, and resumes by itself',
    async (t) => {
      const store = newStore(mine, newSchema())
      const session = newSession()
      await store.insert(session, inserting)
      const { happen, next } = createEvent()
      await store.subscribe!(happen)
      let acknowledged = 0
      const crashes = { left: 2 }
      const codes = new Set<unknown>()
      const refresh = async () => {
        while (crashes.left > 0) {
          const from = acknowledged
          await store.rotate(session.id, { ...rotation, from, to: from + 1 }).then(
            ({ row }) => {
              acknowledged = Math.max(acknowledged, row!.generation)
            },
            ({ code }: { code?: string }) => codes.add(code)
          )
          // Paced, because a server that is down refuses at once.
          await setTimeout(20)
        }
      }
      const refreshing = Promise.all(times(6, refresh))
      for (; crashes.left > 0; crashes.left--) {
        const before = acknowledged
        const woken = next()
        await server.crash()
        await server.start()
        await woken
        const { row } = await store.find(session.id)
        t.ok(row!.generation >= before, 'what was acknowledged is there')
        while (acknowledged <= row!.generation) await setTimeout(20)
      }
      await refreshing
      t.ok(codes.size > 0, [...codes].join())
    }
  )

  await t.test('refuses to read or write on a replica', async (t) => {
    const schema = newSchema()
    const store = newStore(mine, schema)
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

  async function waits(pool: Pool, count: number): Promise<void> {
    for (let waiting = 0; waiting < count;) {
      waiting = (await pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rows.length
    }
  }
})
