import t from 'tap'
import { sharedScopes, sharedText } from '../../plugin/tokens/shared-values.ts'

t.test('sharedScopes() returns one frozen list for a text, and remembers 100 texts', async (t) => {
  const lists = Array.from({ length: 100 }, (_, index) => sharedScopes(`read write ${index}`))
  t.strictSame(lists[7], ['read', 'write', '7'])
  t.ok(lists.every(Object.isFrozen))
  for (const [index, list] of lists.entries()) t.equal(sharedScopes(`read write ${index}`), list, `${index} is shared`)

  t.strictSame(sharedScopes('one more'), ['one', 'more'])
  const again = sharedScopes('read write 7')
  t.strictSame(again, lists[7])
  t.not(again, lists[7], 'all are forgotten when there are too many: tokens may have a scope of their own each')
  t.equal(sharedScopes('read write 7'), again)
})

t.test('sharedText() returns the same text', async (t) => {
  for (const text of ['', 'https://issuer.example', 'a b', 'https://issuer.example']) t.equal(sharedText(text), text)
})
