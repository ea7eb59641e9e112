import t from 'tap'
import { createTokenCache } from '../../plugin/tokens/token-cache.ts'
import { createLocalTokens, outcomeOf, refused } from '../fixtures/local-tokens.ts'
import { encode, forge, goodClaims, localSigner } from '../fixtures/tokens.ts'

t.test('createTokenCache() keeps at most `size` entries, the most recently used ones', async (t) => {
  /** How many of the first `count` entries are still cached. Each look-up has its own cache: it moves the entry. */
  function kept(size: number, count: number): number {
    return Array.from({ length: count }, (_, entry) => entry).filter((entry) => {
      const cache = createTokenCache<number>(size)
      for (let other = 0; other < count; other++) cache.set(`${other}`, other)
      return cache.get(`${entry}`) === entry
    }).length
  }

  for (const size of [0, 1, 2, 3, 7, 10]) {
    t.equal(Math.max(...Array.from({ length: 25 }, (_, count) => kept(size, count))), size, `a size of ${size}`)
  }
  const cache = createTokenCache<number>(4)
  for (let entry = 0; entry < 40; entry++) {
    cache.set(`${entry}`, entry)
    t.equal(cache.get('0'), 0, 'an entry in use stays')
  }
  cache.delete('0')
  t.equal(cache.get('0'), undefined)
  cache.clear()
  t.equal(cache.get('39'), undefined)

  const all = ['a', 'b', 'c', 'd']
  const full = createTokenCache<number>(all.length)
  all.forEach((text, index) => full.set(text, index))
  full.clear()
  t.strictSame(
    all.map((text) => full.get(text)),
    [undefined, undefined, undefined, undefined],
    'clear() empties the older generation too'
  )
})

t.test('createTokenCache() does not exceed its size with a million tokens', async (t) => {
  const size = 1000
  const cache = createTokenCache<number>(size)
  for (let token = 0; token < 1_000_000; token++) cache.set(`header.payload.${token}`, token)
  let kept = 0
  for (let token = 0; token < 1_000_000; token++) if (cache.get(`header.payload.${token}`) !== undefined) kept++
  t.ok(kept > 0 && kept <= size, `${kept} are kept`)
})

t.test('createTokenCache() does not confuse two tokens that end with the same signature', async (t) => {
  const { tokens } = await createLocalTokens()
  const good = forge()
  await tokens.verify(good)
  const [, , signature] = good.split('.')
  const header = encode({ alg: 'HS256', typ: 'at+jwt', kid: localSigner.kid })
  const admin = `${header}.${encode({ ...goodClaims, roles: ['admin'] })}.${signature}`
  t.equal(tokens.fromCache(admin), null)
  t.strictSame(await outcomeOf(() => tokens.verify(admin)), refused('the signature is wrong'))
  t.equal(tokens.fromCache(good)?.claims.sub, 'alice', 'the good token stays cached')
})
