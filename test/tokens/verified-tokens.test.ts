import t from 'tap'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import { createKeyring } from '../../plugin/tokens/keyring.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import { createClock, issuer, secret } from '../fixtures/app.ts'
import { createLocalTokens, outcomeOf, refused } from '../fixtures/local-tokens.ts'
import { encode, fixedKeys, forge, goodClaims, localSigner, noIssuers } from '../fixtures/tokens.ts'

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

t.test('verify() does not cache a token whose key is removed while its caller waits', async (t) => {
  let removeKey = () => {}
  const keyring = createKeyring({ keys: [], secrets: readSecrets(secret), type: 'at+jwt' })
  const keys = {
    ...fixedKeys(keyring),
    onRetire(listener: () => void) {
      removeKey = listener
    }
  }
  const settings = resolveOptions({ issuer, secret, clock: createClock() })
  const tokens = createAccessTokens({ ...settings, matchesSchema: () => true, trustedIssuers: noIssuers, keys })
  const token = forge()
  const verifying = tokens.verify(token)
  // Another callback of the same turn of the event loop: the list of keys has arrived.
  removeKey()
  await verifying
  t.equal(tokens.fromCache(token), null)
})
