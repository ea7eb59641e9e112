import t from 'tap'
import { ReplacedSessions } from '../../plugin/sessions/replaced-sessions.ts'
import { createClock } from '../fixtures/app.ts'

t.test('ReplacedSessions.has() is true for as long as the window, whichever way the clock is set', async (t) => {
  const now = createClock()
  const ended = new ReplacedSessions({ windowMs: 10_000, now })
  ended.add('a')
  t.equal(ended.has('b'), false, 'another session')
  const rows: [seconds: number, expected: boolean][] = [
    [0, true],
    [9.999, true],
    [0.001, false],
    [-19.999, true],
    [-0.001, false]
  ]
  for (const [seconds, expected] of rows) {
    now.advance(seconds)
    t.equal(ended.has('a'), expected, `${seconds} s later`)
  }
})

t.test('ReplacedSessions.add() counts from the last call', async (t) => {
  const now = createClock()
  const ended = new ReplacedSessions({ windowMs: 10_000, now })
  ended.add('a')
  ended.add('b')
  now.advance(9)
  ended.add('a')
  now.advance(9)
  ended.add('c')
  t.strictSame(
    ['a', 'b', 'c'].map((id) => ended.has(id)),
    [true, false, true]
  )
})
