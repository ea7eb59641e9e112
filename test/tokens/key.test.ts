import {
  createHash,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  KeyObject,
  randomBytes,
  verify,
  type JsonWebKey
} from 'node:crypto'
import fastify from 'fastify'
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, SignJWT, type JSONWebKeySet, type JWK } from 'jose'
import t, { type Test } from 'tap'
import authenticate, { type KeyOption } from '../../plugin/index.ts'
import { algorithms, type Algorithm } from '../../plugin/tokens/algorithms.ts'
import { createKeyring } from '../../plugin/tokens/keyring.ts'
import { challenges, createApp, issuer, secret, summaryOf, epoch } from '../fixtures/app.ts'
import { decode, forge, goodClaims, localSigner, signerWith } from '../fixtures/tokens.ts'

type Pair = { privateKey: KeyObject; publicKey: KeyObject }
type State = NonNullable<KeyOption['state']>

const jwkOf = (key: KeyObject): JsonWebKey => key.export({ format: 'jwk' })
const pemOf = (key: KeyObject): string =>
  key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }) as string

// RSA keys take their time to be found: one is enough.
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const k256 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
const ed25519 = generateKeyPairSync('ed25519')
const ed448 = generateKeyPairSync('ed448')
const x25519 = generateKeyPairSync('x25519')
const hmac = createSecretKey(randomBytes(64))

function pairOf(alg: Algorithm): Pair | KeyObject {
  if (alg.startsWith('HS')) return hmac
  if (alg === 'EdDSA') return ed25519
  return { ES256: p256, ES384: p384, ES512: p521 }[alg as string] ?? rsa
}

/** What each kind of key signs with, when nobody says. */
const usual: Partial<Record<Algorithm, true>> = {
  HS256: true,
  RS256: true,
  ES256: true,
  ES384: true,
  ES512: true,
  EdDSA: true
}

t.test('all algorithms sign and verify, with keys as PEM, JWK and KeyObject, and jose agrees', async (t) => {
  t.equal(Object.keys(algorithms).length, 13)
  for (const alg of Object.keys(algorithms) as Algorithm[]) {
    const pair = pairOf(alg)
    const [privateKey, publicKey] = pair instanceof KeyObject ? [pair, pair] : [pair.privateKey, pair.publicKey]
    const forms: [string, KeyOption['key']][] = [
      ['a KeyObject', privateKey],
      ['a JWK', jwkOf(privateKey)]
    ]
    if (privateKey.type === 'private') forms.push(['PEM', pemOf(privateKey)])
    if (publicKey.asymmetricKeyType === 'rsa') {
      forms.push(['PKCS #1', privateKey.export({ type: 'pkcs1', format: 'pem' }) as string])
    }
    if (publicKey.asymmetricKeyType === 'ec') {
      forms.push(['SEC 1', privateKey.export({ type: 'sec1', format: 'pem' }) as string])
    }

    for (const [form, key] of forms) {
      const { app } = await createApp({ plugin: { keys: [{ key, alg: usual[alg] ? undefined : alg }] } })
      const token = await app.accessTokens.sign({ sub: 'alice' })
      const { kid } = decode(token, 0)
      t.strictSame(decode(token, 0), { alg, typ: 'at+jwt', kid }, `${alg} by ${form} signs`)
      t.match(await app.accessTokens.verify(token), { sub: 'alice' }, `${alg} by ${form} verifies`)

      const set = createLocalJWKSet(app.keys.jwks() as JSONWebKeySet)
      const source = privateKey.type === 'secret' ? async () => hmac : set
      const { payload } = await jwtVerify(token, source, {
        issuer,
        audience: issuer,
        typ: 'at+jwt',
        algorithms: [alg],
        currentDate: new Date(epoch)
      })
      t.equal(payload.sub, 'alice', `${alg} by ${form}: jose verifies it`)

      const theirs = await new SignJWT({ ...goodClaims })
        .setProtectedHeader({ alg, typ: 'at+jwt', kid: kid as string })
        .sign(privateKey)
      t.match(await app.accessTokens.verify(theirs), goodClaims, `${alg} by ${form}: jose's is verified`)
      t.match(
        await app.accessTokens.verify(forge({ alg, key: privateKey })),
        goodClaims,
        `${alg} by ${form}: node:crypto's is verified, without kid`
      )
    }

    const verifier = await createApp({ plugin: { keys: [{ key: publicKey, alg, state: 'previous' }] } })
    t.match(
      await verifier.app.accessTokens.verify(forge({ alg, key: privateKey })),
      goodClaims,
      `${alg}: the public half verifies`
    )
    t.equal(
      decode(await verifier.app.accessTokens.sign({ sub: 'alice' }), 0).kid,
      localSigner.kid,
      `${alg}: and the secret signs`
    )
  }
})

t.test('the states of a key: next and previous verify, active signs too', async (t) => {
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
    'all public halves are published, no secret is'
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

t.test('with an active key, the secret neither signs nor verifies access tokens', async (t) => {
  const { app } = await createApp({ plugin: { keys: [{ key: ed25519.privateKey }] } })
  for (const kid of [localSigner.kid, undefined]) {
    await t.rejects(app.accessTokens.verify(forge({ ...localSigner, kid })), {
      code: 'AUTH_INVALID_TOKEN',
      detail: 'no key matches alg and kid'
    })
  }
})

t.test('createKeyring() needs somebody who signs', async (t) => {
  const nobody = {
    constructor: TypeError,
    message: 'Cannot register fastify-authenticate: "secret" is missing: no key can sign'
  }
  await t.rejects(createKeyring({ keys: [], secrets: [], type: 'at+jwt' }), nobody)
  await t.rejects(createKeyring({ keys: [{ key: ed25519.publicKey }], secrets: [], type: 'at+jwt' }), nobody)
  t.equal(
    (await createKeyring({ keys: [{ key: ed25519.privateKey }], secrets: [], type: 'at+jwt' })).active.key.alg,
    'EdDSA'
  )
})

t.test('of several secrets the first signs and all verify', async (t) => {
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

const kty = 'oct'
const k = randomBytes(32).toString('base64url')
const der = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })
const oneWord = 'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N8'
const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
const other256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const otherEd = generateKeyPairSync('ed25519')
const nine = Array.from({ length: 9 }, (_, index) => ({
  key: generateKeyPairSync('ed25519').publicKey,
  kid: `key ${index}`
}))
/** P-256 by `x` and the sign of `y`. */
const point = der(p256.publicKey).subarray(-65)
const compressed = `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'), Buffer.from([2 + (point[64]! % 2)]), point.subarray(1, 33)]).toString('base64')}\n-----END PUBLIC KEY-----`
/** A self-signed certificate: public, like a key. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUedO2Zpx6H8tkSy8Mh7uUFipVYYUwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjMyMjA3MzJaGA8yMTI2MTAzMDIyMDcz
MlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHAM
fpw8mje4WM0qAo4q2FC28swWZaaBQPY7PJs6USc6X9sSnQG+klzmvYHlqA2qNexN
ED3SBLYVfL9QnqbtJkujUzBRMB0GA1UdDgQWBBSYlWeWB7ryDCyfcBE785C+2dXc
qzAfBgNVHSMEGDAWgBSYlWeWB7ryDCyfcBE785C+2dXcqzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDZJ+TPAjPQ71OIgZ2Y/NxB3d9L+sFfiW+e
+22IrLLc/AIgT6Z+nEMo/BTw+u6pT4ywenBoOlMCf07k0lNoILgH1Cg=
-----END CERTIFICATE-----`

const integer = (text: string) => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
const base64url = (value: bigint, bytes = Math.ceil(value.toString(16).length / 2)) =>
  Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex').toString('base64url')
const modulus = integer(jwkOf(rsa.publicKey).n!)
/** An odd number of so many bytes, and no fewer bits. */
const odd = (bytes: number) => Buffer.from([0x80, ...randomBytes(bytes - 2), 1]).toString('base64url')

const publicWords = 'must be secret: this looks like a public key or a certificate'
/** Node's own code differs from release to release. */
const unreadable = /^cannot be read as a key \(ERR_\w+\): expected unencrypted PEM, a JWK or a KeyObject$/
/** From Node 26 on, it looks at some parts itself. */
const orUnreadable = (problem: string) => new RegExp(`^${problem}$|${unreadable.source}`)
const mismatched = orUnreadable('has a private key that does not match its public key')
const foreign = (member: string) => `has a "${member}" that is not canonical base64url or does not belong to this key`

t.test('a secret that is not fit stops the start, and is named', async (t) => {
  const rows: [string, unknown, string, string][] = [
    ['undefined', undefined, 'secret', 'is missing: is the environment variable set?'],
    ['null', null, 'secret', 'is missing: is the environment variable set?'],
    ['an empty list', [], 'secret', 'must not be an empty list'],
    ['a number', 7, 'secret', 'must be a string or a Buffer'],
    ['a KeyObject', hmac, 'secret', 'must be a string or a Buffer'],
    ['a list in a list', [[secret]], 'secret.0', 'must be a string or a Buffer'],
    ['an empty text', '', 'secret', 'must be at least 32 bytes: received 0'],
    ['31 bytes', 'x1'.repeat(15) + 'x', 'secret', 'must be at least 32 bytes: received 31'],
    ['31 bytes in a Buffer', randomBytes(31), 'secret', 'must be at least 32 bytes: received 31'],
    ['a short second secret', [secret, 'short'], 'secret.1', 'must be at least 32 bytes: received 5'],
    ['one character', 'x'.repeat(40), 'secret', 'must not be one repeated character'],
    ['one byte', Buffer.alloc(32, 0xff), 'secret', 'must not be one repeated character'],
    ['one character of two bytes', 'é'.repeat(20), 'secret', 'must not be one repeated character'],
    ['the same twice', [secret, Buffer.from(secret)], 'secret.1', 'repeats an earlier entry'],
    ['a public key as PEM', pemOf(rsa.publicKey), 'secret', publicWords],
    ['a public key as PEM, as bytes', [secret, Buffer.from(pemOf(p256.publicKey))], 'secret.1', publicWords],
    ['PEM in one line', pemOf(ed25519.publicKey).replaceAll('\n', '\\n'), 'secret', publicWords],
    ['PEM after white space', `\n  ${pemOf(ed25519.publicKey)}`, 'secret', publicWords],
    ['PEM without its header', pemOf(rsa.publicKey).split('\n').slice(1, -2).join('\n'), 'secret', publicWords],
    ['PKCS #1', rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }), 'secret', publicWords],
    ['a certificate', certificate, 'secret', publicWords],
    [
      'a certificate as DER',
      Buffer.from(certificate.split('\n').slice(1, -1).join(''), 'base64'),
      'secret',
      publicWords
    ],
    ['DER', der(rsa.publicKey), 'secret', publicWords],
    ['DER of Ed25519', der(ed25519.publicKey), 'secret', publicWords],
    ['DER of PKCS #1', rsa.publicKey.export({ type: 'pkcs1', format: 'der' }), 'secret', publicWords],
    ['DER as base64', der(p256.publicKey).toString('base64'), 'secret', publicWords],
    ['DER as base64url', der(p256.publicKey).toString('base64url'), 'secret', publicWords],
    ['a JWK', JSON.stringify(jwkOf(rsa.publicKey)), 'secret', publicWords],
    ['a JWK with white space', JSON.stringify(jwkOf(ed25519.publicKey), null, 2), 'secret', publicWords],
    ['a JWK set', JSON.stringify({ keys: [jwkOf(ed25519.publicKey)] }), 'secret', publicWords],
    ['an RSA key of OpenSSH', `ssh-rsa ${oneWord} me@host`, 'secret', publicWords],
    ['an Ed25519 key of OpenSSH', `ssh-ed25519 ${oneWord}`, 'secret', publicWords],
    ['an ECDSA key of OpenSSH', `ecdsa-sha2-nistp256 ${oneWord}`, 'secret', publicWords],
    ['a hardware key of OpenSSH', `sk-ssh-ed25519@openssh.com ${oneWord}`, 'secret', publicWords],
    [
      'an SSH2 file',
      `---- BEGIN SSH2 PUBLIC KEY ----\n${oneWord}\n---- END SSH2 PUBLIC KEY ----`,
      'secret',
      publicWords
    ]
  ]
  for (const [what, value, name, problem] of rows) await refuses(t, what, { secret: value }, name, problem)

  for (const good of [
    '"kty" is a word of JSON Web Keys, not of mine',
    randomBytes(32),
    randomBytes(32).toString('base64'),
    'é'.repeat(19) + 'e'
  ]) {
    await t.resolves(createApp({ plugin: { secret: good } }), 'a secret that only looks odd is taken')
  }
})

t.test('a key that is not fit stops the start, and is named', async (t) => {
  const ed = jwkOf(ed25519.privateKey)
  const rows: [string, unknown, string, string | RegExp][] = [
    ['no key', [{}], 'keys.0.key', 'is missing'],
    ['null', [{ key: null }], 'keys.0.key', 'must be PEM text, a JWK or a KeyObject'],
    ['a number', [{ key: 7 }], 'keys.0.key', 'must be PEM text, a JWK or a KeyObject'],
    ['a Buffer', [{ key: randomBytes(64) }], 'keys.0.key', 'must be PEM text, a JWK or a KeyObject'],
    ['an empty object', [{ key: {} }], 'keys.0.key', unreadable],
    ['text that is no key', [{ key: 'a secret that was put into the wrong place' }], 'keys.0.key', unreadable],
    ['broken PEM', [{ key: pemOf(rsa.privateKey).replace('MII', 'AAA') }], 'keys.0.key', unreadable],
    ['the second key', [{ key: ed25519.privateKey }, { key: {} }], 'keys.1.key', unreadable],

    [
      'RSA of 1024 bits',
      [{ key: weakRsa.privateKey }],
      'keys.0.key',
      'must be RSA of at least 2048 bits: received 1024'
    ],
    [
      'public RSA of 1024 bits',
      [{ key: jwkOf(weakRsa.publicKey) }],
      'keys.0.key',
      'must be RSA of at least 2048 bits: received 1024'
    ],
    [
      'RSA with exponent 3',
      [{ key: { ...jwkOf(rsa.publicKey), e: 'Aw' } }],
      'keys.0.key',
      'must have a public exponent of at least 65537'
    ],
    [
      'RSA of 8200 bits',
      [{ key: { ...jwkOf(rsa.publicKey), n: odd(1025) } }],
      'keys.0.key',
      'must be RSA of at most 8192 bits: received 8200'
    ],
    [
      'RSA with an even exponent',
      [{ key: { ...jwkOf(rsa.publicKey), e: 'AQAC' } }],
      'keys.0.key',
      'must have an odd public exponent of at most 64 bits'
    ],
    [
      'RSA with an exponent of 65 bits',
      [{ key: { ...jwkOf(rsa.publicKey), e: 'AQAAAAAAAAAB' } }],
      'keys.0.key',
      'must have an odd public exponent of at most 64 bits'
    ],
    [
      'RSA with an exponent as long as the modulus',
      [{ key: { ...jwkOf(rsa.publicKey), e: odd(256) } }],
      'keys.0.key',
      'must have an odd public exponent of at most 64 bits'
    ],
    [
      'RSA with no exponent',
      [{ key: { ...jwkOf(rsa.publicKey), e: '' } }],
      'keys.0.key',
      'must have a public exponent of at least 65537'
    ],
    [
      'RSA with an even modulus',
      [{ key: { ...jwkOf(rsa.publicKey), n: base64url(modulus - 1n) } }],
      'keys.0.key',
      'has a modulus that is divisible by a small prime'
    ],
    [
      'RSA with a modulus of small primes too',
      [{ key: { ...jwkOf(rsa.publicKey), n: base64url(modulus * 751n) } }],
      'keys.0.key',
      'has a modulus that is divisible by a small prime'
    ],
    [
      'RSA with a leading zero',
      [{ key: { ...jwkOf(rsa.publicKey), n: base64url(modulus, 257) } }],
      'keys.0.key',
      foreign('n')
    ],
    [
      'RSA of more than two primes',
      [{ key: { ...jwkOf(rsa.privateKey), oth: [{}] } }],
      'keys.0.key',
      orUnreadable('is an RSA key with more than two primes')
    ],
    ['RSA-PSS, which X.509 restricts', [{ key: pss.privateKey, alg: 'PS256' }], 'keys.0.key', 'is not a key for PS256'],
    ['secp256k1', [{ key: k256.privateKey }], 'keys.0.alg', 'is missing: a key of type "ec" has no default algorithm'],
    ['secp256k1 for ES256', [{ key: pemOf(k256.privateKey), alg: 'ES256' }], 'keys.0.key', 'is not a key for ES256'],
    ['ES256K', [{ key: k256.privateKey, alg: 'ES256K' }], 'keys.0.alg', 'is not a supported signature algorithm'],
    ['P-384 for ES256', [{ key: p384.privateKey, alg: 'ES256' }], 'keys.0.key', 'is not a key for ES256'],
    ['P-256 for ES512', [{ key: jwkOf(p256.publicKey), alg: 'ES512' }], 'keys.0.key', 'is not a key for ES512'],
    ['P-521 for ES384', [{ key: p521.publicKey, alg: 'ES384' }], 'keys.0.key', 'is not a key for ES384'],
    ['Ed448', [{ key: ed448.privateKey }], 'keys.0.alg', 'is missing: a key of type "ed448" has no default algorithm'],
    ['Ed448 for EdDSA', [{ key: jwkOf(ed448.privateKey), alg: 'EdDSA' }], 'keys.0.key', 'is not a key for EdDSA'],
    [
      'X25519',
      [{ key: x25519.privateKey }],
      'keys.0.alg',
      'is missing: a key of type "x25519" has no default algorithm'
    ],
    ['X25519 for EdDSA', [{ key: x25519.publicKey, alg: 'EdDSA' }], 'keys.0.key', 'is not a key for EdDSA'],
    [
      'an elliptic curve by its parameters',
      [{ key: generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey }],
      'keys.0.key',
      'uses explicit EC parameters; a named curve is required (RFC 5480 §2.1.1)'
    ],
    ['EC for RS256', [{ key: p256.privateKey, alg: 'RS256' }], 'keys.0.key', 'is not a key for RS256'],
    ['Ed25519 for ES256', [{ key: ed25519.privateKey, alg: 'ES256' }], 'keys.0.key', 'is not a key for ES256'],
    ['RSA for HS256', [{ key: pemOf(rsa.publicKey), alg: 'HS256' }], 'keys.0.key', 'is not a key for HS256'],
    ['a secret for RS256', [{ key: { kty, k }, alg: 'RS256' }], 'keys.0.key', 'is not a key for RS256'],
    ['a secret for EdDSA', [{ key: hmac, alg: 'EdDSA' }], 'keys.0.key', 'is not a key for EdDSA'],
    ['alg none', [{ key: ed25519.privateKey, alg: 'none' }], 'keys.0.alg', 'is not a supported signature algorithm'],
    [
      'alg of Object',
      [{ key: ed25519.privateKey, alg: 'constructor' }],
      'keys.0.alg',
      'is not a supported signature algorithm'
    ],

    ['a JWK to encrypt with', [{ key: { ...ed, use: 'enc' } }], 'keys.0.key', 'has a "use" that is not "sig"'],
    [
      'a JWK for another algorithm',
      [{ key: { ...jwkOf(rsa.privateKey), alg: 'RS512' }, alg: 'RS256' }],
      'keys.0.key',
      'has an "alg" that is not RS256'
    ],
    [
      'a JWK for encryption',
      [{ key: { ...jwkOf(rsa.privateKey), alg: 'RSA-OAEP' } }],
      'keys.0.alg',
      'is not a supported signature algorithm'
    ],
    [
      'a JWK whose alg is no text',
      [{ key: { ...ed, alg: 7 } }],
      'keys.0.alg',
      'is not a supported signature algorithm'
    ],
    [
      'a private JWK that may not sign',
      [{ key: { ...ed, key_ops: ['verify'] } }],
      'keys.0.key',
      'must have "sign" among its "key_ops"'
    ],
    [
      'a public JWK that may not verify',
      [{ key: { ...jwkOf(ed25519.publicKey), key_ops: ['sign'] } }],
      'keys.0.key',
      'must have "verify" among its "key_ops"'
    ],
    ['a JWK for nothing', [{ key: { ...ed, key_ops: [] } }], 'keys.0.key', 'must have "sign" among its "key_ops"'],
    [
      'a JWK with key_ops twice',
      [{ key: { ...jwkOf(ed25519.publicKey), key_ops: ['verify', 'verify'] } }],
      'keys.0.key',
      'must not repeat "verify" in its "key_ops"'
    ],
    [
      'a JWK to sign with whose key_ops encrypt',
      [{ key: { ...jwkOf(rsa.publicKey), use: 'sig', key_ops: ['verify', 'encrypt'] } }],
      'keys.0.key',
      'must not have "encrypt" among its "key_ops" when its "use" is "sig"'
    ],
    [
      'a JWK with ill-typed key_ops',
      [{ key: { ...ed, key_ops: 'sign' } }],
      'keys.0.key',
      'must have "sign" among its "key_ops"'
    ],
    [
      'a secret that may only sign',
      [{ key: { kty, k, key_ops: ['sign'] } }],
      'keys.0.key',
      'must have "verify" among its "key_ops"'
    ],
    [
      'a secret that may only verify, to sign',
      [{ key: { kty, k, key_ops: ['verify'] } }],
      'keys.0.key',
      'must have "sign" among its "key_ops"'
    ],
    [
      'encrypted PEM',
      [{ key: rsa.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) }],
      'keys.0.key',
      unreadable
    ],

    [
      "EC with another's public half",
      [{ key: { ...jwkOf(p256.privateKey), x: jwkOf(other256.publicKey).x, y: jwkOf(other256.publicKey).y } }],
      'keys.0.key',
      mismatched
    ],
    [
      "RSA with another's modulus",
      [{ key: { ...jwkOf(rsa.privateKey), n: base64url(modulus * 7919n) } }],
      'keys.0.key',
      mismatched
    ],
    [
      "RSA with another's private exponent",
      [{ key: { ...jwkOf(rsa.privateKey), d: base64url(integer(jwkOf(rsa.privateKey).d!) + 2n) } }],
      'keys.0.key',
      mismatched
    ],
    ['RSA with 1 for a prime', [{ key: { ...jwkOf(rsa.privateKey), p: 'AQ' } }], 'keys.0.key', mismatched],
    [
      'RSA with an even prime',
      [{ key: { ...jwkOf(rsa.privateKey), p: base64url(integer(jwkOf(rsa.privateKey).p!) - 1n) } }],
      'keys.0.key',
      mismatched
    ],
    [
      'RSA with its primes exchanged',
      [{ key: { ...jwkOf(rsa.privateKey), p: jwkOf(rsa.privateKey).q, q: jwkOf(rsa.privateKey).p } }],
      'keys.0.key',
      mismatched
    ],
    [
      'EC with 0 for a private half',
      [{ key: { ...jwkOf(p256.privateKey), d: base64url(0n, 32) } }],
      'keys.0.key',
      mismatched
    ],
    [
      'Ed25519 beside its curve',
      [{ key: { kty: 'OKP', crv: 'Ed25519', x: base64url(7n << 248n) } }],
      'keys.0.key',
      'is not a valid Ed25519 key (not on the curve, or of small order)'
    ],
    [
      "Ed25519 with another's public half",
      [{ key: { ...ed, x: jwkOf(otherEd.publicKey).x } }],
      'keys.0.key',
      orUnreadable(foreign('x'))
    ],
    [
      'EC beside its curve',
      [{ key: { ...jwkOf(p256.publicKey), x: jwkOf(other256.publicKey).x } }],
      'keys.0.key',
      unreadable
    ],
    ['padded n', [{ key: { ...jwkOf(rsa.publicKey), n: `${jwkOf(rsa.publicKey).n}==` } }], 'keys.0.key', foreign('n')],
    [
      'x with white space',
      [{ key: { ...jwkOf(p256.publicKey), x: ` ${jwkOf(p256.publicKey).x}` } }],
      'keys.0.key',
      foreign('x')
    ],
    ['k in the other alphabet', [{ key: { kty, k: `+/${k}` } }], 'keys.0.key', foreign('k')],
    ['padded k', [{ key: { kty, k: `${k}=` } }], 'keys.0.key', foreign('k')],
    [
      'k with spare bits',
      [{ key: { kty, k: `${Buffer.alloc(32, 'ab').toString('base64url').slice(0, -1)}J` } }],
      'keys.0.key',
      foreign('k')
    ],
    ['no k', [{ key: { kty } }], 'keys.0.key', foreign('k')],
    ['k that is no text', [{ key: { kty, k: 7 } }], 'keys.0.key', unreadable],
    ['a short k', [{ key: { kty, k: 'c2hvcnQ' } }], 'keys.0.key', 'must be at least 32 bytes: received 5'],
    [
      "a k under its hash's size",
      [{ key: { kty, k, alg: 'HS384' } }],
      'keys.0.key',
      'must be at least 48 bytes: received 32'
    ],
    [
      "a k under its hash's size, as a KeyObject",
      [{ key: createSecretKey(randomBytes(63)), alg: 'HS512' }],
      'keys.0.key',
      'must be at least 64 bytes: received 63'
    ],
    [
      'k of one character',
      [{ key: { kty, k: Buffer.alloc(32, 'x').toString('base64url') } }],
      'keys.0.key',
      'must not be one repeated character'
    ],
    ['k that is public', [{ key: createSecretKey(Buffer.from(pemOf(rsa.publicKey))) }], 'keys.0.key', publicWords],

    [
      'kid that is no text in a JWK',
      [{ key: { ...ed, kid: 7 } }],
      'keys.0.kid',
      'must be a string of 1 to 256 characters'
    ],
    ['an empty kid in a JWK', [{ key: { ...ed, kid: '' } }], 'keys.0.kid', 'must be a string of 1 to 256 characters'],
    [
      'kid of 257 characters in a JWK',
      [{ key: { kty, k, kid: 'x'.repeat(257) } }],
      'keys.0.kid',
      'must be a string of 1 to 256 characters'
    ],
    [
      'kid twice',
      [
        { key: ed25519.privateKey, kid: 'same' },
        { key: p256.publicKey, kid: 'same' }
      ],
      'keys',
      'must not repeat a kid: received "same" twice'
    ],
    [
      'one key twice',
      [{ key: rsa.privateKey }, { key: pemOf(rsa.publicKey), alg: 'PS256' }],
      'keys',
      /^must not repeat a kid: received "[\w-]{43}" twice$/
    ],
    [
      "kid of the secret's",
      [{ key: p256.publicKey, kid: localSigner.kid }],
      'keys',
      `must not repeat a kid: received "${localSigner.kid}" twice`
    ],
    ['nine keys of one algorithm', nine, 'keys', 'must have at most 8 keys for one algorithm: received 9 for EdDSA'],

    [
      'two private keys without states',
      [{ key: ed25519.privateKey }, { key: p256.privateKey }],
      'keys.0.state',
      'is missing: with several private keys, each must be "next", "active" or "previous"'
    ],
    [
      'two private keys, one without a state',
      [{ key: ed25519.publicKey }, { key: otherEd.privateKey, state: 'active' }, { key: p256.privateKey }],
      'keys.2.state',
      'is missing: with several private keys, each must be "next", "active" or "previous"'
    ],
    [
      'two active keys',
      [
        { key: ed25519.privateKey, state: 'active' },
        { key: p256.privateKey, state: 'active' }
      ],
      'keys',
      'must have exactly one active private key: received several'
    ],
    [
      'none but a next key',
      [{ key: ed25519.privateKey, state: 'next' }],
      'keys',
      'must have exactly one active private key: received none'
    ],
    [
      'next and previous keys',
      [{ key: ed25519.privateKey, state: 'next' }, { key: p256.publicKey }],
      'keys',
      'must have exactly one active private key: received none'
    ],
    [
      'an active public key',
      [{ key: ed25519.publicKey, state: 'active' }],
      'keys.0.state',
      'must be "previous" for a public key: received "active"'
    ],
    [
      'a next public key',
      [{ key: ed25519.publicKey, state: 'next' }],
      'keys.0.state',
      'must be "previous" for a public key: received "next"'
    ],
    [
      'an unknown state',
      [{ key: ed25519.privateKey, state: 'retired' }],
      'keys.0.state',
      'must be one of next, active, previous: received "retired"'
    ],
    [
      'a key where its state should be',
      [{ key: ed25519.privateKey, state: pemOf(otherEd.privateKey) }],
      'keys.0.state',
      'must be one of next, active, previous: received a string'
    ],
    [
      'a key where its alg should be',
      [{ key: ed25519.privateKey, alg: [pemOf(otherEd.privateKey)] }],
      'keys.0.alg',
      'must be a non-empty string: received a list'
    ]
  ]
  for (const [what, keys, name, problem] of rows) await refuses(t, what, { keys }, name, problem)

  const good: [string, KeyOption[]][] = [
    ['eight keys of one algorithm', nine.slice(1)],
    ['a JWK that may do more', [{ key: { ...ed, use: 'sig', key_ops: ['sign', 'verify'], alg: 'EdDSA', ext: true } }]],
    [
      'a public JWK that may do more, and does not say what it is for',
      [{ key: { ...jwkOf(rsa.publicKey), key_ops: ['verify', 'encrypt'] } as JsonWebKey }]
    ],
    ['an elliptic curve whose point is compressed', [{ key: compressed }]],
    ['a public JWK that may verify', [{ key: { ...jwkOf(rsa.publicKey), key_ops: ['verify'] } as JsonWebKey }]],
    [
      'a secret that may only verify, and does',
      [{ key: { kty, k, key_ops: ['verify'] } as JsonWebKey, state: 'previous' }]
    ],
    [
      'private keys that are all previous',
      [
        { key: ed25519.privateKey, state: 'previous' },
        { key: p256.privateKey, state: 'previous' }
      ]
    ]
  ]
  for (const [what, keys] of good) await t.resolves(createApp({ plugin: { keys } }), what)
})

t.test('an Ed25519 key that everybody can sign for is refused', async (t) => {
  const orderEight = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'
  const rows: [string, string][] = [
    ['order 1', `01${'00'.repeat(31)}`],
    ['order 2', `ec${'ff'.repeat(30)}7f`],
    ['order 4', '00'.repeat(32)],
    ['order 4, the other one', `${'00'.repeat(31)}80`],
    ['order 8', orderEight],
    ['order 8, the second', `${orderEight.slice(0, -2)}85`],
    ['order 8, the third', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
    ['order 8, the fourth', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa']
  ]
  // The neutral point and the number 0: nobody needs a key to write that.
  const anybodys = Buffer.from(`01${'00'.repeat(63)}`, 'hex')
  // From Node 24 on, it does not verify with such keys.
  const isExposed = Number(process.versions.node.split('.')[0]) < 24
  for (const [order, hex] of rows) {
    const key = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(hex, 'hex').toString('base64url') }
    const publicKey = createPublicKey({ key, format: 'jwk' })
    const signed = Array.from({ length: 200 }, (_, index) => Buffer.from(`message ${index}`)).filter((message) =>
      verify(null, message, publicKey, anybodys)
    )
    t.equal(signed.length > 0, isExposed, `${order}: anybody's signature is good for ${signed.length} of 200 messages`)
    await refuses(
      t,
      order,
      { keys: [{ key }] },
      'keys.0.key',
      'is not a valid Ed25519 key (not on the curve, or of small order)'
    )
  }
})

t.test('a key that is huge is refused at once', async (t) => {
  const rsaJwk = jwkOf(rsa.publicKey)
  const huge = odd(375_000)
  const rows: [string, unknown, string | RegExp][] = [
    ['modulus', { ...rsaJwk, n: huge }, 'must be RSA of at most 8192 bits: received 3000000'],
    ['exponent', { ...rsaJwk, e: huge }, 'must have an odd public exponent of at most 64 bits'],
    ['private exponent', { ...jwkOf(rsa.privateKey), d: huge }, mismatched],
    ['prime', { ...jwkOf(rsa.privateKey), p: huge }, mismatched],
    ['coordinate', { ...jwkOf(p256.publicKey), x: huge }, unreadable],
    ['Ed25519 key', { ...jwkOf(ed25519.publicKey), x: huge }, unreadable]
  ]
  for (const [what, key, problem] of rows) {
    const began = performance.now()
    await refuses(t, what, { keys: [{ key }] }, 'keys.0.key', problem)
    const took = performance.now() - began
    t.ok(took < 1000, `${what}: in ${took} ms`)
  }
})

/** Everything of a key that nobody may read in a message: its long words, whatever form it came in. */
function wordsOf(value: unknown): string[] {
  if (value instanceof KeyObject) {
    return value.type === 'secret' ? [value.export().toString('base64url')] : wordsOf(pemOf(value))
  }
  if (Buffer.isBuffer(value)) {
    return [value.toString('latin1'), value.toString('base64url')].filter((word) => word.length >= 5)
  }
  if (typeof value === 'string') return value.split(/\s+/).filter((word) => word.length >= 20)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => (name === 'kid' ? [] : wordsOf(member)))
}

async function refuses(
  t: Test,
  what: string,
  options: Record<string, unknown>,
  name: string,
  problem: string | RegExp
): Promise<void> {
  const app = fastify()
  const error = await app.register(authenticate, { issuer, secret, ...options } as never).then(
    () => null,
    (error: Error) => error
  )
  const prefix = `Cannot register fastify-authenticate: "${name}" `
  t.ok(error instanceof TypeError, `${what}: stops the start`)
  const message = error?.message ?? ''
  t.equal(message.slice(0, prefix.length), prefix, `${what}: "${name}" is named`)
  const said = message.slice(prefix.length)
  if (typeof problem === 'string') t.equal(said, problem, what)
  else t.match(said, problem, what)
  t.notOk(
    wordsOf(options).find((word) => `${message} ${error?.stack}`.includes(word)),
    `${what}: no key material in the message`
  )
}

t.test('kid is the RFC 7638 thumbprint, where none is given', async (t) => {
  for (const pair of [rsa, p256, p384, p521, ed25519]) {
    const { app } = await createApp({ plugin: { keys: [{ key: pair.privateKey }] } })
    const expected = await calculateJwkThumbprint(jwkOf(pair.publicKey) as JWK)
    t.strictSame(
      app.keys.jwks().keys.map(({ kid }) => kid),
      [expected],
      `${pair.publicKey.asymmetricKeyType}`
    )
    t.equal(decode(await app.accessTokens.sign({ sub: 'alice' }), 0).kid, expected)
  }
  const named = await createApp({
    plugin: { keys: [{ key: { ...jwkOf(ed25519.privateKey), kid: 'its own' } as JsonWebKey }] }
  })
  t.equal(named.app.keys.jwks().keys[0]?.kid, 'its own')
  const renamed = await createApp({
    plugin: { keys: [{ key: { ...jwkOf(ed25519.privateKey), kid: 'its own' } as JsonWebKey, kid: 'mine' }] }
  })
  t.equal(renamed.app.keys.jwks().keys[0]?.kid, 'mine')
})

t.test('the kid of a secret is derived: it confirms no guess by a mere hash', async (t) => {
  const { app } = await createApp()
  const kid = decode(await app.accessTokens.sign({ sub: 'alice' }), 0).kid as string
  t.match(kid, /^[\w-]{12}$/)
  const again = await createApp()
  t.equal(decode(await again.app.accessTokens.sign({ sub: 'bob' }), 0).kid, kid, 'the same in every process')
  const inJwk = await createApp({ plugin: { keys: [{ key: { kty, k: Buffer.from(secret).toString('base64url') } }] } })
  t.equal(decode(await inJwk.app.accessTokens.sign({ sub: 'bob' }), 0).kid, kid, 'and as a JWK')

  const thumbprint = await calculateJwkThumbprint({ kty, k: Buffer.from(secret).toString('base64url') })
  const hashes = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'].map((name) => createHash(name).update(secret).digest())
  const guesses = [...hashes, Buffer.from(thumbprint, 'base64url'), Buffer.from(secret)]
  for (const guess of guesses) {
    for (const form of ['base64url', 'hex'] as const) t.notOk(guess.toString(form).includes(kid))
  }
  t.strictSame(app.keys.jwks(), { keys: [] })
})

t.test('the JWKS route serves the public keys, to anyone', async (t) => {
  const keys = [
    { key: rsa.privateKey, state: 'active' as State },
    { key: ed25519.privateKey, state: 'next' as State },
    { key: hmac, state: 'previous' as State }
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
    'public halves and nothing else'
  )
  t.strictSame(response.json(), app.keys.jwks())
  t.equal((await app.inject({ method: 'HEAD', url: '/.well-known/jwks.json' })).statusCode, 200)
  t.strictSame(
    summaryOf(await app.inject('/me')),
    { status: 401, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare, cookies: [], cacheControl: null },
    'while the rest is protected'
  )

  const status = async (plugin: object, url: string) => (await (await createApp({ plugin })).app.inject(url)).statusCode
  t.equal(await status({}, '/.well-known/jwks.json'), 404, 'there is none over a mere secret')
  t.equal(await status({ keys, jwks: false }, '/.well-known/jwks.json'), 404, 'nor where it is off')
  t.equal(await status({ keys, jwks: { path: '/keys' } }, '/keys'), 200, 'its path can be chosen')
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
