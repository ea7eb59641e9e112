import t from 'tap'
import { encodeText } from '../../../../../example-server/page/lessons/token/base64url.js'
import { segmentsOf } from '../../../../../example-server/page/lessons/token/segments.js'
import { membersOf } from '../../../../../example-server/page/lessons/token/json-text.js'

t.test('segmentsOf() gives each member the characters that encode it, whatever it contains', async (t) => {
  for (let length = 0; length < 7; length++) {
    const text = ` {"a${'ä'.repeat(length)}":"${'€'.repeat(length)}😀","b":[1,2] , "c":{"d":"${'x'.repeat(length)}"}}`
    const raw = encodeText(text)
    const segments = segmentsOf({ raw, text })
    t.equal(segments.map(({ text }) => text).join(''), raw)
    t.strictSame(
      segments.map(({ member }) => member).filter((member) => member !== null),
      [0, 1, 2]
    )
    let at = 0
    for (const { text: stretch, member } of segments) {
      const bytes = Buffer.from(raw.slice(0, at + stretch.length), 'base64url').subarray(Math.ceil((at * 3) / 4))
      const { start, end } = membersOf(text)[member ?? 0]!
      const written = text.slice(start, end)
      if (member !== null) t.ok(written.includes(bytes.toString().replaceAll('�', '').slice(1, -1)), written)
      at += stretch.length
    }
  }
})

t.test('segmentsOf() leaves a part without members whole', async (t) => {
  t.strictSame(segmentsOf({ raw: encodeText('{}'), text: '{}' }), [{ text: 'e30', member: null }])
})
