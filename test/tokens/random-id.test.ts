import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import t from 'tap'

let fills = 0
const { randomFillSync } = crypto
Object.assign(crypto, {
  randomFillSync(bytes: Buffer) {
    fills++
    return randomFillSync(bytes)
  }
})
syncBuiltinESMExports()
// Not before: it takes its function when it is loaded.
const { randomId } = await import('../../plugin/tokens/random-id.ts')

t.test('randomId() asks the operating system once for 256 ids', async (t) => {
  const fillsOf = (count: number) => {
    fills = 0
    for (let index = 0; index < count; index++) randomId()
    return fills
  }
  t.strictSame([fillsOf(256), fillsOf(256), fillsOf(1), fillsOf(255), fillsOf(1)], [1, 1, 1, 0, 1])
})

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
