import { createSecretKey, generateKeyPairSync, randomBytes, type JsonWebKey } from 'node:crypto'
import fastify from 'fastify'
import { calculateJwkThumbprint, type JWK, createRemoteJWKSet, jwtVerify, SignJWT } from 'jose'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { challenges, createApp, issuer, secret, summaryOf, epoch } from '../fixtures/app.ts'
import jsonwebtoken from 'jsonwebtoken'
import { jwkOf } from '../fixtures/jwk.ts'
import { createNamedKey, createRotating, entry, kidOf, signerOf, type KeyState } from '../fixtures/rotating-app.ts'
import { forge, goodClaims, now } from '../fixtures/tokens.ts'

// Generating an RSA key is slow: one is enough.
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ed25519 = generateKeyPairSync('ed25519')
const hmac = createSecretKey(randomBytes(64))

t.test('serveJwks() serves the public keys without authentication', async (t) => {
  const keys = [
    { key: rsa.privateKey, state: 'active' as KeyState },
    { key: ed25519.privateKey, state: 'next' as KeyState },
    { key: hmac, state: 'previous' as KeyState }
  ]
  const { app } = await createApp({ plugin: { keys, protect: 'all' } })
  const response = await app.inject('/.well-known/jwks.json')
  t.strictSame(
    [response.statusCode, response.headers['content-type'], response.headers['cache-control']],
    [200, 'application/jwk-set+json; charset=utf-8', 'public, max-age=300']
  )
  t.strictSame(
    response.json(),
    {
      keys: [
        {
          ...jwkOf(rsa.publicKey),
          kid: await calculateJwkThumbprint(jwkOf(rsa.publicKey) as JWK),
          alg: 'RS256',
          use: 'sig'
        },
        {
          ...jwkOf(ed25519.publicKey),
          kid: await calculateJwkThumbprint(jwkOf(ed25519.publicKey) as JWK),
          alg: 'EdDSA',
          use: 'sig'
        }
      ]
    },
    'the public keys and nothing else'
  )
  t.strictSame(response.json(), app.keys.jwks())
  t.equal((await app.inject({ method: 'HEAD', url: '/.well-known/jwks.json' })).statusCode, 200)
  t.strictSame(
    summaryOf(await app.inject('/me')),
    { status: 401, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare, cookies: [], cacheControl: null },
    'other routes stay protected'
  )

  const status = async (plugin: object, url: string) => (await (await createApp({ plugin })).app.inject(url)).statusCode
  t.equal(await status({}, '/.well-known/jwks.json'), 404, 'there is no route without public keys')
  t.equal(await status({ keys, jwks: false }, '/.well-known/jwks.json'), 404, 'nor if it is turned off')
  t.equal(await status({ keys, jwks: { path: '/keys' } }, '/keys'), 200, 'its path is configurable')
  t.equal(await status({ keys, jwks: { path: '/keys' } }, '/.well-known/jwks.json'), 404)
  t.equal(
    await status({ keys: [{ key: rsa.publicKey }] }, '/.well-known/jwks.json'),
    200,
    'keys that only verify are published'
  )

  const outer = fastify()
  for (const [prefix, pair] of [
    ['/a', p256],
    ['/b', p384]
  ] as const) {
    outer.register(
      async (scope) => {
        await scope.register(authenticate, {
          issuer: `${issuer}${prefix}`,
          secret,
          keys: [{ key: pair.privateKey }],
          cookies: false
        })
      },
      { prefix }
    )
  }
  t.strictSame(
    (await outer.inject('/a/.well-known/jwks.json')).json().keys.map(({ alg }: JWK) => alg),
    ['ES256'],
    'each under its prefix'
  )
  t.strictSame(
    (await outer.inject('/b/.well-known/jwks.json')).json().keys.map(({ alg }: JWK) => alg),
    ['ES384']
  )
  t.equal((await outer.inject('/.well-known/jwks.json')).statusCode, 404)
})

t.setTimeout(600_000)

const [a, b, c] = [createNamedKey('a'), createNamedKey('b'), createNamedKey('c')]

t.test('serveJwks() serves an empty set while an async source has no public key', async (t) => {
  const { use, app } = await createRotating([
    { key: { kty: 'oct', k: Buffer.alloc(32, 'abc').toString('base64url') } as JsonWebKey, state: 'previous' }
  ])
  const published = async () => {
    const response = await app.inject('/.well-known/jwks.json')
    return [response.statusCode, response.json().keys?.length]
  }
  t.strictSame(await published(), [200, 0])
  await use(entry(a, 'active'), entry(b, 'next'))
  t.strictSame(await published(), [200, 2])
})

t.test('serveJwks() lets a service that has only jose verify tokens through a rotation', async (t) => {
  const { use, sign, app } = await createRotating([entry(a, 'active'), entry(b, 'next')])
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const keySet = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`))
  const verify = async (token: string) =>
    (
      await jwtVerify(token, keySet, {
        issuer,
        audience: issuer,
        typ: 'at+jwt',
        algorithms: ['EdDSA'],
        currentDate: new Date(epoch)
      })
    ).payload.sub
  t.equal(await verify(await sign()), 'machine')
  await use(entry(a, 'previous'), entry(b, 'active'))
  t.equal(await verify(await sign()), 'machine', 'the next key was in the cached set')
  t.ok(keySet.coolingDown, 'without another fetch')
  await t.rejects(verify(forge(signerOf(c))), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

t.test('tokens signed by jsonwebtoken, jose or node:crypto verify here, and ours verify there by kid', async (t) => {
  const { app } = await createApp({ plugin: { keys: [{ key: rsa.privateKey, kid: 'r' }] } })
  const call = async (token: string) =>
    (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode
  const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })
  const byJsonwebtoken = (claims: object, header: object = {}) =>
    jsonwebtoken.sign({ ...goodClaims, ...claims }, pem, {
      algorithm: 'RS256',
      keyid: 'r',
      header: { alg: 'RS256', typ: 'at+jwt', ...header }
    })
  const byJose = (claims: object, header: object = {}) =>
    new SignJWT({ ...goodClaims, ...claims })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'r', ...header })
      .sign(rsa.privateKey)
  const byCrypto = (claims: object, header: object = {}) =>
    forge(
      { alg: 'RS256', kid: 'r', key: rsa.privateKey },
      { claims: claims as Record<string, unknown>, header: header as Record<string, unknown> }
    )
  for (const [name, make] of [
    ['jsonwebtoken', byJsonwebtoken],
    ['jose', byJose],
    ['node:crypto', byCrypto]
  ] as const) {
    t.equal(await call(await make({})), 200, name)
    t.equal(
      await call(await make({ aud: [issuer, 'https://else.example.com'] })),
      200,
      `${name}: one of several audiences`
    )
    t.equal(await call(await make({ aud: 'https://else.example.com' })), 401, `${name}: another audience`)
    t.equal(await call(await make({ exp: now })), 401, `${name}: expired`)
    t.equal(await call(await make({}, { typ: 'JWT' })), 401, `${name}: not an access token`)
    t.equal(await call(await make({}, { kid: 'else' })), 401, `${name}: an unknown kid`)
  }

  const ours = await app.accessTokens.sign({ sub: 'machine' })
  // As PyJWT's PyJWKClient does: it finds the key by kid, and the application names the algorithm.
  const { keys } = (await app.inject('/.well-known/jwks.json')).json() as { keys: (JsonWebKey & { kid: string })[] }
  const jwk = keys.find(({ kid }) => kid === kidOf(ours))!
  t.strictSame({ kty: jwk.kty, use: jwk.use, alg: jwk.alg }, { kty: 'RSA', use: 'sig', alg: 'RS256' })
  const claims = jsonwebtoken.verify(ours, { key: jwk as never, format: 'jwk' } as never, {
    algorithms: ['RS256'],
    issuer,
    audience: issuer,
    clockTimestamp: now
  })
  t.match(claims, { sub: 'machine' })
})
