import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { inSlices } from '../plugin/slices.ts'

/** Runs `steps` that take `stepMs` each, and counts those of each turn of the event loop. */
async function stepsByTurn({ steps, stepMs }: { steps: number; stepMs: number }) {
  const counts: number[] = []
  const state = { now: 0, turn: 0, isDone: false }
  function* work() {
    for (let step = 0; step < steps; step++) {
      counts[state.turn] = (counts[state.turn] ?? 0) + 1
      state.now += stepMs
      yield
    }
    return 'result'
  }
  async function countTurns() {
    for (; !state.isDone; state.turn++) await setImmediate()
  }
  // Before the work, so that a turn begins before its slice.
  const counting = countTurns()
  const result = await inSlices(work(), () => state.now)
  state.isDone = true
  await counting
  return [counts, result]
}

t.test('inSlices() lets other work run after each 10 ms', async (t) => {
  const rows: [string, Parameters<typeof stepsByTurn>[0], number[]][] = [
    ['no step', { steps: 0, stepMs: 1 }, []],
    ['less than a slice', { steps: 9, stepMs: 1 }, [9]],
    ['one slice and a step', { steps: 11, stepMs: 1 }, [10, 1]],
    ['a hundred slices', { steps: 1000, stepMs: 1 }, Array<number>(100).fill(10)],
    ['steps that are longer than a slice', { steps: 3, stepMs: 25 }, [1, 1, 1]]
  ]
  for (const [name, given, expected] of rows) t.strictSame(await stepsByTurn(given), [expected, 'result'], name)
})

t.test('inSlices() rejects with the error of the work', async (t) => {
  const failure = new Error('fails')
  const work = function* () {
    yield
    throw failure
  }
  await t.rejects(inSlices(work()), failure)
})
