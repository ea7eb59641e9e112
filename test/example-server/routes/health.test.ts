import { rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('/health/live does not depend on the database, /health/ready does', async (t) => {
  const { app, database } = await createInjected(t)
  t.strictSame((await app.inject('/health/live')).json(), { status: 'ok' })
  t.strictSame((await app.inject('/health/ready')).json(), { status: 'ok' })
  for (const ping of [
    async () => {
      throw new Error('disk I/O error')
    },
    async () => await new Promise<void>(() => {})
  ]) {
    Object.assign(database, { ping })
    const response = await app.inject('/health/ready')
    t.strictSame(summaryOf(response), [503, 'NOT_READY'])
    t.ok(response.headers['retry-after'])
    t.equal((await app.inject('/health/live')).statusCode, 200)
  }
})

t.test('/health/ready fails when the SQLite file was removed, not while another process writes to it', async (t) => {
  const { app, config, signIn } = await createInjected(t)
  const path = join(config.dataDir, 'example.db')
  const { headers } = await signIn('carol')
  const { DatabaseSync } = (await import(
    isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite'
  )) as typeof import('@photostructure/sqlite')
  const other = new DatabaseSync(path)
  t.teardown(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  const note = await app.inject({ method: 'POST', url: '/notes', headers, payload: { text: 'wait' } })
  t.equal(note.statusCode, 503)
  t.equal((await app.inject('/health/ready')).statusCode, 200)
  other.exec('ROLLBACK')
  t.equal((await app.inject({ method: 'POST', url: '/notes', headers, payload: { text: 'now' } })).statusCode, 201)

  rmSync(path)
  t.equal((await app.inject('/health/ready')).statusCode, 503)
  t.equal((await app.inject('/health/live')).statusCode, 200)
})
