import t from 'tap'
import { sharedScopes, sharedText, sharing } from '../../plugin/tokens/shared-values.ts'

t.test('sharing() makes one value for a text, and remembers 100 texts', async (t) => {
  const shared = sharing((text) => text.split(' '))
  const lists = Array.from({ length: 100 }, (_, index) => shared(`read write ${index}`))
  t.strictSame(lists[7], ['read', 'write', '7'])
  for (const [index, list] of lists.entries()) t.equal(shared(`read write ${index}`), list, `${index} is shared`)

  t.strictSame(shared('one more'), ['one', 'more'])
  const again = shared('read write 7')
  t.strictSame(again, lists[7])
  t.not(again, lists[7], 'all are forgotten when there are too many: tokens may have a scope of their own each')
  t.equal(shared('read write 7'), again)
})

t.test('sharedScopes() returns one frozen list for a text', async (t) => {
  const list = sharedScopes('read write')
  t.strictSame(list, ['read', 'write'])
  t.ok(Object.isFrozen(list))
  t.equal(sharedScopes('read write'), list)
})

t.test('sharedText() returns the same text', async (t) => {
  for (const text of ['', 'https://issuer.example', 'a b', 'https://issuer.example']) t.equal(sharedText(text), text)
})
