import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { readKey } from '../../plugin/tokens/key.ts'
import { createSigner } from '../../plugin/tokens/signer.ts'
import { createApp, issuer } from '../fixtures/app.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { bearer } from '../fixtures/signed-in.ts'
import { decode, forge, goodClaims, type Signer } from '../fixtures/tokens.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const jwk = { ...jwkOf(publicKey), kid: 'ed', use: 'sig' }
const privateJwk = { ...jwkOf(privateKey), kid: 'ed', use: 'sig' }
const names = ['EdDSA', 'Ed25519'] as const
const by = (alg: string, kid: string | undefined = 'ed'): Signer => ({ alg, kid, key: privateKey })

t.test('a key whose alg is Ed25519 signs with that name, publishes it, and jose verifies the tokens', async (t) => {
  for (const option of [
    { key: { ...privateJwk, alg: 'Ed25519' } },
    { key: privateKey, kid: 'ed', alg: 'Ed25519' },
    { key: { ...privateJwk, alg: 'EdDSA' }, alg: 'Ed25519' }
  ]) {
    const { app, clock } = await createApp({ plugin: { keys: [option] } })
    const token = await app.accessTokens.sign({ sub: 'alice', claims: { name: 'Ünïcode' } })
    t.strictSame(decode(token, 0), { alg: 'Ed25519', typ: 'at+jwt', kid: 'ed' })
    t.match(await app.accessTokens.verify(token), { sub: 'alice', name: 'Ünïcode' })
    t.match(app.keys.jwks().keys, [{ kid: 'ed', alg: 'Ed25519', d: undefined }])
    const set = createLocalJWKSet(app.keys.jwks() as never)
    const checked = { issuer, audience: issuer, algorithms: ['Ed25519'], currentDate: new Date(clock()) }
    t.match(await jwtVerify(token, set, checked), { payload: { sub: 'alice' } })
    t.match(await app.accessTokens.verify(forge(by('EdDSA'))), { sub: 'alice' }, 'tokens of the former name')
  }
  const { app } = await createApp({ plugin: { keys: [{ key: privateKey }] } })
  t.equal(decode(await app.accessTokens.sign({ sub: 'alice' }), 0).alg, 'EdDSA', 'the usual name')
})

t.test('Ed25519 and EdDSA are one algorithm, in the tokens, keys, sets and "algorithms" of every issuer', async (t) => {
  const idp = 'https://idp.example'
  for (const published of [undefined, ...names]) {
    const key = published === undefined ? jwk : { ...jwk, alg: published }
    for (const algorithm of names) {
      const { app } = await createApp({
        plugin: {
          keys: [{ key: privateKey, kid: 'ed', alg: algorithm }],
          trustedIssuers: [{ issuer: idp, audience: 'notes', algorithms: [algorithm], jwks: { keys: [key] } }]
        },
        after: (app) => app.get('/theirs', { config: { auth: { issuers: [idp] } } }, async () => 'ok')
      })
      for (const name of names) {
        for (const kid of ['ed', undefined]) {
          const what = `published as ${published}, configured as ${algorithm}, token ${name}, kid ${kid}`
          const theirs = forge(by(name, kid), { claims: { iss: idp, aud: 'notes' } })
          t.equal((await app.inject({ url: '/theirs', headers: bearer(theirs) })).statusCode, 200, what)
          t.equal((await app.inject({ url: '/me', headers: bearer(forge(by(name, kid))) })).statusCode, 200, what)
        }
      }
    }
  }
})

t.test('a key of another kind does not verify a token that says Ed25519, nor can it be given that name', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ed448 = generateKeyPairSync('ed448')
  for (const key of [rsa.privateKey, ed448.privateKey, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey]) {
    await t.rejects(createApp({ plugin: { keys: [{ key, alg: 'Ed25519' }] } }), {
      message: 'Cannot register fastify-authenticate: "keys.0.key" is not a key for Ed25519'
    })
  }
  await t.rejects(createApp({ plugin: { keys: [{ key: { ...privateJwk, alg: 'Ed448' } }] } }), {
    message: 'Cannot register fastify-authenticate: "keys.0.alg" is not a supported signature algorithm'
  })
  const { app } = await createApp({ plugin: { keys: [{ key: rsa.privateKey, kid: 'ed' }] } })
  await t.rejects(app.accessTokens.verify(forge(by('Ed25519'))), { code: 'AUTH_INVALID_TOKEN' })
})

t.test('load() loads what signs once, however many callers wait for it', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const signer = createSigner(readKey({ key: rsa }, 'keys.0'), 'at+jwt')
  const loading = signer.load()
  t.equal(signer.load(), loading)
  await loading
  t.equal(signer.load(), undefined)
  t.strictSame(decode(signer.sign(goodClaims), 1), goodClaims)
  t.equal(createSigner(readKey({ key: privateKey, alg: 'Ed25519' }, 'keys.0'), 'at+jwt').load(), undefined)
})
