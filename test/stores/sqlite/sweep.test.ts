import { join } from 'node:path'
import t from 'tap'
import { prepareStatements } from '../../../plugin/stores/sqlite/statements.ts'
import { sweep } from '../../../plugin/stores/sqlite/sweep.ts'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'

/**
 * Sweeps 1200 entries, where a transaction and a checkpoint take as long as given, and reports the limit of each and
 * the pauses.
 */
async function sweepSlowly({ writeMs, checkpointMs }: { writeMs: number; checkpointMs: number }, file: string) {
  const database = new DatabaseSync(file)
  sqliteStore(database)
  database.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1200)
    INSERT INTO auth_feed (mark, kind, id, until) SELECT 'mark', 'token', n, 1 FROM numbers`)
  const statements = prepareStatements(database, 'auth')
  const limits: number[] = []
  const pauses: number[] = []
  let now = 0
  let checkpoints = 0
  await sweep({
    async write(work) {
      const result = work()
      now += writeMs
      return result
    },
    checkpoint() {
      checkpoints++
      now += checkpointMs
    },
    statements: {
      ...statements,
      sweepLog: {
        ...statements.sweepLog,
        run(bindings) {
          limits.push(Number(bindings.limit))
          return statements.sweepLog.run(bindings)
        }
      }
    },
    clock: () => 1000,
    monotonic: () => now,
    pause: async (ms) => pauses.push(ms)
  })
  const { count } = database.prepare('SELECT count(*) AS count FROM auth_feed').get() as { count: number | bigint }
  database.close()
  return { limits, pauses, checkpoints, left: Number(count) }
}

t.test('sweep() removes as much at a time as the disk is fast, and leaves a third of the time to others', async (t) => {
  const fast = [100, 125, 157, 197, 247, 309, 387]
  const slow = [100, ...Array<number>(22).fill(50)]
  const rows: [string, Parameters<typeof sweepSlowly>[0], limits: number[]][] = [
    ['fast', { writeMs: 1, checkpointMs: 1 }, fast],
    ['just in time', { writeMs: 15, checkpointMs: 15 }, fast],
    ['a slow commit', { writeMs: 16, checkpointMs: 1 }, slow],
    ['a slow checkpoint', { writeMs: 1, checkpointMs: 16 }, slow]
  ]
  for (const [name, given, limits] of rows) {
    const pauses = limits.slice(1).map(() => (given.writeMs + given.checkpointMs) / 2)
    const expected = { limits, pauses, checkpoints: limits.length - 1, left: 1 }
    t.strictSame(await sweepSlowly(given, join(t.testdir(), `${name}.db`)), expected, name)
  }
})
