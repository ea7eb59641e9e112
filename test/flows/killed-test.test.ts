import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'

t.setTimeout(600_000)

/** How many of these processes have not ended. */
function countRunning(pids: readonly number[]): number {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pids.join()], { encoding: 'utf8' })
  // A zombie has ended, but its parent has not asked for its exit code yet.
  return stdout.split('\n').filter((state) => state !== '' && !state.startsWith('Z')).length
}

t.test('a test process that is killed leaves no server, no cluster and no browser behind', async (t) => {
  const child = spawn(process.execPath, ['--import', 'tsx/esm', 'test/fixtures/abandoning-process.ts', t.testdir()], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => child.kill('SIGKILL'))
  const pids = JSON.parse(String((await once(child.stdout, 'data'))[0])) as number[]
  t.ok(pids.length >= 4)
  t.equal(countRunning(pids), pids.length)
  child.kill('SIGKILL')
  // If one process does not end, the test runs into its timeout.
  while (countRunning(pids) > 0) await setTimeout(20)
})
