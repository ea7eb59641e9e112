import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { storeTimeoutMs } from '../../../plugin/sessions/timed-store.ts'
import { callTimeoutMs } from '../../../plugin/stores/call-timeout.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import { createSqliteStore } from '../../../plugin/stores/sqlite/store.ts'
import type { WriterReport } from '../../fixtures/sqlite-writers.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'
import {
  ending,
  idsOf,
  inserting,
  issuer,
  newSession,
  revokedTokens,
  rotation,
  user
} from '../../fixtures/store-values.ts'

const directory = t.testdir()
let files = 0
const newFile = () => join(directory, `${++files}.db`)
const locked = { message: /database is locked/ }

t.test('callTimeoutMs ends before the request, so that the error carries the reason of the database', async (t) => {
  t.ok(callTimeoutMs < storeTimeoutMs)
})

t.test('close() resolves after the writes that were called before', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const writing = store.insert(newSession(), inserting)
  await store.close()
  database.close()
  t.equal((await writing).row?.id, 'session')
})

t.test('sqliteStore() rejects calls in progress and later calls when the client is closed', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const calls = [store.insert(newSession(), inserting), store.revokeAll(user, ending)]
  database.close()
  for (const call of calls) await t.rejects(async () => await call)
  await t.rejects(store.revoke('session', ending))
  await t.rejects(store.find('session'))
})

t.test('sqliteStore() rejects and changes nothing while the application has a transaction open', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  await store.insert(newSession(), inserting)
  database.exec("CREATE TABLE notes (text TEXT); BEGIN; INSERT INTO notes VALUES ('theirs')")
  const inside = { message: /inside a transaction of the application/ }
  await t.rejects(store.find('session'), inside)
  await t.rejects(store.revoke('session', ending), inside)
  await t.rejects(store.readRevocations(null, 10), inside)
  await t.rejects(store.sweep(), inside)
  t.ok(database.isTransaction, 'their transaction is still open')
  database.exec('ROLLBACK')
  t.strictSame(database.prepare('SELECT * FROM notes').all(), [], 'the application can roll it back')
  t.equal((await store.revoke('session', ending)).revoked?.id, 'session')
})

t.test('createWriteQueue() carries out calls that wait for another process in order', async (t) => {
  const file = newFile()
  const store = sqliteStore(new DatabaseSync(file))
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN IMMEDIATE')
  const ids = Array.from({ length: 100 }, (_, index) => `i ${index}`)
  const calls = ids.slice(0, 50).map((id) => store.appendRevocations(revokedTokens(id), ending))
  for (let turns = 0; turns < 20; turns++) await setImmediate()
  // Later calls do not overtake.
  calls.push(...ids.slice(50).map((id) => store.appendRevocations(revokedTokens(id), ending)))
  writer.exec('COMMIT')
  await Promise.all(calls)
  t.strictSame(idsOf((await store.readRevocations(null, 1000)).entries), ids)
})

t.test('createWriteQueue() undoes a failed call without the calls that share its commit', async (t) => {
  const store = sqliteStore(new DatabaseSync(newFile()))
  const insert = (id: string) => store.insert(newSession({ id }), inserting)
  const results = await Promise.allSettled(['a', 'b', 'a', 'c'].map(insert))
  t.strictSame(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']
  )
  t.strictSame(idsOf((await store.list(user, { limit: 10 })).rows), ['a', 'b', 'c'])

  // It fails after it has revoked another session: that must be undone.
  const halfway = store.insert(newSession({ id: 'd', sessionKey: null as never }), { ...inserting, revoke: ['a'] })
  const halfwayResults = await Promise.allSettled([store.revoke('b', ending), halfway, store.revoke('c', ending)])
  t.strictSame(
    halfwayResults.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled']
  )
  t.strictSame(idsOf((await store.list(user, { limit: 10 })).rows), ['a'])
  t.strictSame(idsOf((await store.readRevocations(null, 10)).entries), ['b', 'c'])
})

t.test('createWriteQueue() rejects a call that waits too long, and does not carry it out later', async (t) => {
  const file = newFile()
  const database = new DatabaseSync(file)
  const store = createSqliteStore(database, { prefix: 'auth', clock: Date.now, timeoutMs: 30 })
  await store.insert(newSession(), inserting)
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN IMMEDIATE')
  await t.rejects(store.rotate('session', rotation), locked)
  await t.rejects(store.sweep(), locked)
  t.equal((await store.find('session')).row?.generation, 0, 'readers do not wait')
  writer.exec('COMMIT')
  await store.appendRevocations([], ending)
  t.equal((await store.find('session')).row?.generation, 0)
  t.equal((await store.rotate('session', rotation)).applied, true)
})

t.test('prepare() rejects with the reason while the file is locked, and resolves afterwards', async (t) => {
  const file = newFile()
  const store = createSqliteStore(new DatabaseSync(file), { prefix: 'auth', clock: Date.now, timeoutMs: 30 })
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN EXCLUSIVE')
  const error: unknown = await store.prepare!().catch((error: unknown) => error)
  t.match(error, locked)
  t.notOk(error instanceof UnusableStoreError)
  writer.exec('ROLLBACK')
  t.match(await store.prepare!(), { storeTime: Number })
})

/** Starts three processes of a fixture, lets all begin when all are ready, and returns what each prints. */
async function runTogether<T>(fixture: string, args: readonly string[]): Promise<T[]> {
  const entry = fileURLToPath(new URL(`../../fixtures/${fixture}`, import.meta.url))
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, [...process.execArgv, entry, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  )
  await Promise.all(children.map((child) => once(child.stdout, 'data')))
  for (const child of children) child.stdin.write('go\n')
  return await Promise.all(children.map(async (child) => JSON.parse(await text(child.stdout)) as T))
}

t.test('createWriteQueue() lets 600 callers in three processes over one file take turns', async (t) => {
  const reports = await runTogether<WriterReport>('sqlite-writers.ts', [newFile(), '200', '0.5', '60000'])
  t.strictSame(
    reports.flatMap(({ failures }) => failures),
    []
  )
  for (const { rotations } of reports) t.ok(rotations >= 200)
})

t.test(
  'sqliteStore() migrates once and rotates once when three processes start together over a new file',
  async (t) => {
    const file = newFile()
    const reports = await runTogether<{ started: number; applied: number }>('sqlite-race.ts', [file, '300'])
    const sum = (key: 'started' | 'applied') => reports.reduce((total, report) => total + report[key], 0)
    t.equal(sum('started'), 1, 'one process started the session')
    t.equal(sum('applied'), 300, 'each generation was reached once')

    const database = new DatabaseSync(file)
    const steps = () =>
      database
        .prepare('SELECT step FROM auth_schema ORDER BY step')
        .all()
        .map((row) => (row as { step: string }).step)
    t.strictSame(steps(), ['001-sessions', '002-counters', '003-session-limits'])
    const store = sqliteStore(database)
    t.strictSame(steps(), ['001-sessions', '002-counters', '003-session-limits'])
    t.equal((await store.find('shared')).row?.generation, 300)
    t.equal((await store.list({ issuers: [issuer], sub: 'own' }, { limit: 10 })).rows.length, 3)
  }
)
