import { generateKeyPairSync, KeyObject } from 'node:crypto'
import t from 'tap'
import type { KeyOption } from '../../plugin/index.ts'
import { createKeyring } from '../../plugin/tokens/keyring.ts'
import { createApp, secret } from '../fixtures/app.ts'
import { pemOf } from '../fixtures/rejected-options.ts'
import { decode, forge, goodClaims, localSigner, signerWith } from '../fixtures/tokens.ts'

type State = NonNullable<KeyOption['state']>
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')

t.test('createKeyring() verifies with next, active and previous keys, and signs with the active one', async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const retired = generateKeyPairSync('ed25519')
  const keys = [
    { key: ed25519.privateKey, kid: 'new', state: 'next' as State },
    { key: p256.privateKey, kid: 'now', state: 'active' as State },
    { key: privateKey, kid: 'old', state: 'previous' as State },
    { key: pemOf(retired.publicKey), kid: 'older' },
    { key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') }, kid: 'oldest', state: 'previous' as State }
  ]
  const { app } = await createApp({ plugin: { keys } })
  t.equal(decode(await app.accessTokens.sign({ sub: 'alice' }), 0).kid, 'now')
  t.strictSame(
    app.keys.jwks().keys.map(({ kid, alg, use, d }) => ({ kid, alg, use, d })),
    [
      { kid: 'new', alg: 'EdDSA', use: 'sig', d: undefined },
      { kid: 'now', alg: 'ES256', use: 'sig', d: undefined },
      { kid: 'old', alg: 'EdDSA', use: 'sig', d: undefined },
      { kid: 'older', alg: 'EdDSA', use: 'sig', d: undefined }
    ],
    'all public keys are published, and no secret'
  )
  const before = JSON.stringify(app.keys.jwks())
  app.keys.jwks().keys.pop()
  t.throws(() => Object.assign(app.keys.jwks().keys[0]!, { kid: 'mine' }), TypeError)
  t.equal(JSON.stringify(app.keys.jwks()), before, 'what is handed out is a copy')

  const signers: Record<string, { alg: string; key: KeyObject | Buffer }> = {
    new: { alg: 'EdDSA', key: ed25519.privateKey },
    now: { alg: 'ES256', key: p256.privateKey },
    old: { alg: 'EdDSA', key: privateKey },
    older: { alg: 'EdDSA', key: retired.privateKey },
    oldest: { alg: 'HS256', key: Buffer.from(secret) }
  }
  for (const [owner, signer] of Object.entries(signers)) {
    for (const kid of [undefined, ...Object.keys(signers), localSigner.kid]) {
      const expected = kid === undefined || kid === owner ? 200 : 401
      const response = await app.inject({
        url: '/me',
        headers: { authorization: `Bearer ${forge({ ...signer, kid })}` }
      })
      t.equal(response.statusCode, expected, `the key ${owner} under the kid ${kid}`)
    }
  }
})

t.test('createKeyring() ignores the secret if there is an active key', async (t) => {
  const { app } = await createApp({ plugin: { keys: [{ key: ed25519.privateKey }] } })
  for (const kid of [localSigner.kid, undefined]) {
    await t.rejects(app.accessTokens.verify(forge({ ...localSigner, kid })), {
      code: 'AUTH_INVALID_TOKEN',
      detail: 'no key matches alg and kid'
    })
  }
})

t.test('createKeyring() rejects a list without a key that can sign', async (t) => {
  const nobody = {
    constructor: TypeError,
    message: 'Cannot register fastify-authenticate: "secret" is missing: no key can sign'
  }
  t.throws(() => createKeyring({ keys: [], secrets: [], type: 'at+jwt' }), nobody)
  t.throws(() => createKeyring({ keys: [{ key: ed25519.publicKey }], secrets: [], type: 'at+jwt' }), nobody)
  t.equal(createKeyring({ keys: [{ key: ed25519.privateKey }], secrets: [], type: 'at+jwt' }).active.key.alg, 'EdDSA')
})

t.test('createKeyring() signs with the first secret and verifies with all of them', async (t) => {
  const second = 'the secret of last year, of 32 bytes at least'
  const { app } = await createApp({ plugin: { secret: [secret, second, Buffer.from(`${second}, as bytes`)] } })
  t.equal(decode(await app.accessTokens.sign({ sub: 'alice' }), 0).kid, localSigner.kid)
  for (const by of [localSigner, signerWith(second), signerWith(`${second}, as bytes`)]) {
    t.match(await app.accessTokens.verify(forge(by)), goodClaims)
    t.match(await app.accessTokens.verify(forge({ ...by, kid: undefined })), goodClaims, 'without kid too')
  }
  await t.rejects(
    app.accessTokens.verify(forge({ ...signerWith(second), kid: localSigner.kid })),
    { code: 'AUTH_INVALID_TOKEN', detail: 'the signature is wrong' },
    'kid decides where there is one'
  )
})
