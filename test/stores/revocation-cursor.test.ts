import t from 'tap'
import { beginning, formatCursor, parseCursor } from '../../plugin/stores/revocation-cursor.ts'

t.test('parseCursor() reads what formatCursor() wrote', async (t) => {
  for (const cursor of [
    { number: 1, nonce: 'kGA51DB0mjBe' },
    { number: 999_999_999_999_999, nonce: 'a5c1a1f0-8a1c-4a8e-9a57-0f0a0d1f2b3c' },
    beginning
  ]) {
    t.strictSame(parseCursor(formatCursor(cursor)), cursor)
  }
  t.strictSame(parseCursor(null), beginning)
})

t.test('parseCursor() returns a place that no entry has for text that no store wrote', async (t) => {
  for (const text of [
    '',
    '.',
    '1',
    '1.',
    'x.y',
    '-1.x',
    '-inf.',
    '0.x',
    '1e0.x',
    '(1.x',
    "1.' OR 1",
    `${10 ** 15}.x`
  ]) {
    t.strictSame(parseCursor(text), { number: -1, nonce: '' }, text)
  }
})
