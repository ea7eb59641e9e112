import t from 'tap'
import { resolveOptions } from '../../plugin/options/options.ts'
import { externalAccessToken, localAccessToken } from '../../plugin/tokens/access-token.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import { createTrustedIssuers, noTrustedIssuers } from '../../plugin/tokens/trusted-issuers.ts'
import { createVerifiedTokens } from '../../plugin/tokens/verified-tokens.ts'
import { createClock, issuer, secret } from '../fixtures/app.ts'
import { makeKey } from '../fixtures/issuer.ts'
import { createLocalTokens, outcomeOf, refused } from '../fixtures/local-tokens.ts'
import { encode, fixedKeys, forge, goodClaims, localKeyring, localSigner, now } from '../fixtures/tokens.ts'

const idp = 'https://idp.example'

/** A cache of three tokens with both clocks. They are of the names that a test gives, and all end differently. */
function createCache() {
  const clock = createClock()
  const nodeClock = createClock()
  const cache = createVerifiedTokens({ cacheSize: 3, clockToleranceSeconds: 5, clock, nodeClock, monotonic: () => 0 })
  return {
    clock,
    nodeClock,
    isCached: (name: string, issuers?: readonly string[]) => cache.get(textOf(name), issuers)?.text === textOf(name),
    addLocal: (name: string, claims: object = {}) =>
      cache.add(localAccessToken(textOf(name), { ...goodClaims, ...claims, jti: name })),
    addExternal: (name: string) =>
      cache.add(
        externalAccessToken(textOf(name), {
          claims: { ...goodClaims, iss: idp, jti: name },
          issuer: { map: () => ({}) },
          recheck: { wall: goodClaims.exp, monotonic: 300 }
        })
      )
  }
}

const textOf = (name: string) => name.padStart(12, '.')

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
  const keyring = localKeyring()
  const keys = {
    ...fixedKeys(keyring),
    onRetire(listener: () => void) {
      removeKey = listener
    }
  }
  const settings = resolveOptions({ issuer, secret, clock: createClock() })
  const tokens = createAccessTokens({ ...settings, matchesSchema: () => true, trustedIssuers: noTrustedIssuers, keys })
  const token = forge()
  const verifying = tokens.verify(token)
  // Another callback of the same turn of the event loop: the list of keys has arrived.
  removeKey()
  await verifying
  t.equal(tokens.fromCache(token), null)
})

/** A tenant that the application's function knows until it is removed. */
async function createTenant() {
  const key = makeKey('ES256', 'tenant')
  const [clock, elapsed] = [createClock(), createClock(0)]
  const option = { issuer: idp, audience: issuer, algorithms: ['ES256'], jwks: { keys: [key.jwk] } }
  let found: typeof option | null = option
  const settings = resolveOptions({ issuer, secret, clock, trustedIssuers: async () => found })
  const tokens = createAccessTokens({
    ...settings,
    matchesSchema: () => true,
    keys: fixedKeys(localKeyring()),
    trustedIssuers: await createTrustedIssuers({
      ...settings,
      clockToleranceSeconds: 5,
      emit() {},
      log: { warn() {} },
      timing: { monotonic: elapsed }
    }),
    monotonic: elapsed
  })
  const token = forge(key, { claims: { iss: idp, iat: now - 3600, exp: now + 3600 } })
  return {
    present: () => outcomeOf(() => tokens.verify(token, [idp])),
    remove() {
      found = null
    },
    advance(seconds: number) {
      for (const time of [clock, elapsed]) time.advance(seconds)
    },
    setClockBack: (seconds: number) => clock.advance(-seconds)
  }
}

for (const [what, stepSeconds] of [
  ['', 0],
  [', also if the clock of this node was set back', 1800]
] as const) {
  t.test(`verify() refuses the tokens of a removed tenant after five minutes${what}`, async (t) => {
    const { present, remove, advance, setClockBack } = await createTenant()
    t.equal(await present(), 'accepted')
    remove()
    setClockBack(stepSeconds)
    advance(299)
    t.equal(await present(), 'accepted', 'it is in the cache')
    advance(1)
    t.match(await present(), { code: 'AUTH_INVALID_TOKEN' })
  })
}

t.test("get() reads the store's clock for local tokens, and the node's own for external ones", async (t) => {
  const { clock, nodeClock, isCached, addLocal, addExternal } = createCache()
  const both = () => [isCached('local'), isCached('external', [idp])]
  addLocal('local')
  addExternal('external')
  t.strictSame(both(), [true, true])
  nodeClock.advance(-6)
  t.strictSame(both(), [true, false], 'the node is behind by more than the tolerance')
  nodeClock.advance(6)
  clock.advance(-6)
  t.strictSame(both(), [false, true], 'the store is')
  clock.advance(1)
  t.strictSame(both(), [true, true], 'within the tolerance of 5 seconds')
  nodeClock.advance(600)
  t.strictSame(both(), [true, false], 'the external token has expired')
  clock.advance(605)
  t.strictSame(both(), [false, false], 'the local one too')
})

t.test('get() checks for each caller whether it accepts the external issuer of a cached token', async (t) => {
  const { isCached, addLocal, addExternal } = createCache()
  addExternal('external')
  addLocal('local')
  const rows: [issuers: readonly string[] | undefined, external: boolean][] = [
    [[idp], true],
    [['trusted'], true],
    [undefined, false],
    [[], false],
    [['https://other.example'], false]
  ]
  for (const [issuers, external] of rows) {
    t.equal(isCached('external', issuers), external, `${issuers}`)
    t.equal(isCached('local', issuers), true, `local: ${issuers}`)
  }
})

t.test('get() removes a token that has expired, so that a valid one keeps its place', async (t) => {
  const { clock, isCached, addLocal } = createCache()
  addLocal('short', { exp: goodClaims.iat + 60 })
  addLocal('valid')
  addLocal('other')
  clock.advance(60)
  t.equal(isCached('short'), false)
  addLocal('new')
  t.strictSame([isCached('valid'), isCached('other'), isCached('new')], [true, true, true])
})

t.test(
  'recheckIn() is five minutes at most, in whole seconds that are not longer by the monotonic clock',
  async (t) => {
    const clock = createClock()
    const parts = { cacheSize: 1, clockToleranceSeconds: 5, clock, nodeClock: clock, monotonic: () => 7900 }
    const { recheckIn } = createVerifiedTokens(parts)
    const now = clock() / 1000
    t.strictSame(recheckIn(Infinity), { wall: now + 300, monotonic: 307 })
    t.strictSame(recheckIn(60_000), { wall: now + 60, monotonic: 67 })
  }
)
