import t from 'tap'
import { randomId } from '../../plugin/tokens/random-id.ts'

t.test('randomId() returns 128 bits as canonical base64url, and never the same twice', async (t) => {
  const ids = Array.from({ length: 2000 }, randomId)
  for (const id of ids) {
    t.match(id, /^[\w-]{22}$/)
    t.equal(Buffer.from(id, 'base64url').toString('base64url'), id)
  }
  t.equal(new Set(ids).size, ids.length)
  const bits = ids.map((id) => Buffer.from(id, 'base64url'))
  for (let bit = 0; bit < 128; bit++) {
    const set = bits.filter((bytes) => (bytes[bit >> 3]! >> (bit & 7)) & 1).length
    t.ok(set > 800 && set < 1200, `bit ${bit} is random: it was set ${set} times of 2000`)
  }
})
