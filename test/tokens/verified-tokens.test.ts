import t from 'tap'
import { createLocalTokens, outcomeOf, refused } from '../fixtures/local-tokens.ts'
import { encode, forge, goodClaims, localSigner } from '../fixtures/tokens.ts'

t.test('createVerifiedTokens() does not confuse two tokens that end with the same signature', async (t) => {
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
