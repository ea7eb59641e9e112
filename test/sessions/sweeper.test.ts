import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Sweeper } from '../../plugin/sessions/sweeper.ts'

t.test('Sweeper calls sweep() every ten minutes, logs its failures, and continues until it is closed', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const warnings: unknown[][] = []
  const failure = new Error('down')
  let sweeps = 0
  const sweeper = new Sweeper({
    store: {
      sweep: async () => {
        sweeps++
        if (sweeps === 1) throw failure
        return 0
      }
    },
    log: { warn: (...input) => warnings.push(input) }
  })
  const tick = async (ms: number) => {
    mock.timers.tick(ms)
    await setImmediate()
  }
  await tick(10 * 60_000 - 1)
  t.equal(sweeps, 0)
  await tick(1)
  t.strictSame(warnings, [[failure, 'sweep failed']])
  await tick(10 * 60_000)
  t.equal(sweeps, 2)
  sweeper.close()
  await tick(60 * 60_000)
  t.equal(sweeps, 2, 'closed')
  t.equal(warnings.length, 1)
})

t.test('Sweeper does not call sweep() while the last call is running', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  let sweeps = 0
  let finish = (_removed: number) => {}
  const sweep = async () => {
    sweeps++
    return await new Promise<number>((resolve) => {
      finish = resolve
    })
  }
  const sweeper = new Sweeper({ store: { sweep }, log: { warn() {} } })
  mock.timers.tick(30 * 60_000)
  t.equal(sweeps, 1)
  finish(0)
  await setImmediate()
  mock.timers.tick(10 * 60_000)
  t.equal(sweeps, 2)
  sweeper.close()
})
