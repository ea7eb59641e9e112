// One storm on one database. A process of its own, because the example server declares types of its own. Its argument
// and its output are JSON.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster, type Scope } from '../test/fixtures/example-server.ts'
import { refreshInStorm, startSessions, unavailable } from '../test/fixtures/storm.ts'

const { env: database, refreshes, concurrency } = JSON.parse(process.argv[2]!)
const folder = await mkdtemp(join(tmpdir(), 'storm-'))
const ends: (() => unknown)[] = []
const scope = { teardown: (end: () => unknown) => ends.push(end), testdir: () => folder } as unknown as Scope
const env = { ...database, DATA_DIR: folder, AUTH_SECRET: 'a secret of 32 bytes for a storm' }
try {
  const tokens = await startSessions(scope, { env, count: refreshes })
  // As a server logs by default.
  const { a, b, c, stop } = await startCluster({ ...env, LOG_LEVEL: 'info' })
  ends.push(stop)
  const { outcomes, ...times } = await refreshInStorm({ urls: [a, b, c], tokens, concurrency })
  const { 200: _served, [unavailable]: refused = 0, ...others } = outcomes
  const failed = Object.values(others).reduce((sum, count) => sum + count, 0)
  console.log(JSON.stringify({ unavailable: refused, failed, ...times }))
} finally {
  for (const end of ends.reverse()) await end()
  await rm(folder, { recursive: true, force: true })
}
