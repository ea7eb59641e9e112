import {
  createSecretKey,
  generateKeyPairSync,
  generatePrimeSync,
  KeyObject,
  randomBytes,
  type JsonWebKey
} from 'node:crypto'
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, SignJWT, type JSONWebKeySet, type JWK } from 'jose'
import t from 'tap'
import type { KeyOption } from '../../plugin/index.ts'
import { algorithms, type Algorithm } from '../../plugin/tokens/algorithms.ts'
import { primesBelow } from '../../plugin/tokens/primes.ts'
import { createApp, issuer, epoch } from '../fixtures/app.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { pemOf, rejects } from '../fixtures/rejected-options.ts'
import { decode, forge, goodClaims, localSigner } from '../fixtures/tokens.ts'

type Pair = { privateKey: KeyObject; publicKey: KeyObject }

// Generating an RSA key is slow: one is enough.
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
  if (alg === 'EdDSA' || alg === 'Ed25519') return ed25519
  return { ES256: p256, ES384: p384, ES512: p521 }[alg as string] ?? rsa
}

/** The default algorithm of each type of key. */
const usual: Partial<Record<Algorithm, true>> = {
  HS256: true,
  RS256: true,
  ES256: true,
  ES384: true,
  ES512: true,
  EdDSA: true
}

t.test('readKey() reads PEM, JWK and KeyObject for every algorithm, and jose verifies the tokens', async (t) => {
  t.equal(Object.keys(algorithms).length, 14)
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

const kty = 'oct'
const k = randomBytes(32).toString('base64url')
const der = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })
const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
const other256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const otherEd = generateKeyPairSync('ed25519')
const nine = Array.from({ length: 9 }, (_, index) => ({
  key: generateKeyPairSync('ed25519').publicKey,
  kid: `key ${index}`
}))

/** A P-256 key in compressed form: `x` and the sign of `y`. */
const point = der(p256.publicKey).subarray(-65)
const compressedDer = Buffer.concat([
  Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
  Buffer.from([2 + (point[64]! % 2)]),
  point.subarray(1, 33)
])
const compressed = `-----BEGIN PUBLIC KEY-----\n${compressedDer.toString('base64')}\n-----END PUBLIC KEY-----`
const integer = (text: string) => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)
const base64url = (value: bigint, bytes = Math.ceil(value.toString(16).length / 2)) =>
  Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex').toString('base64url')

const modulus = integer(jwkOf(rsa.publicKey).n!)

/** The private RSA key with one member changed. */
const changed = (member: 'd' | 'p' | 'dp' | 'dq' | 'qi', by: bigint) => ({
  ...jwkOf(rsa.privateKey),
  [member]: base64url(integer(jwkOf(rsa.privateKey)[member]!) + by)
})

function inverse(value: bigint, modulo: bigint): bigint {
  let [one, other] = [
    { value: modulo, factor: 0n },
    { value, factor: 1n }
  ]
  while (other.value !== 0n) {
    const quotient = one.value / other.value
    const rest = { value: one.value - quotient * other.value, factor: one.factor - quotient * other.factor }
    ;[one, other] = [other, rest]
  }
  return ((one.factor % modulo) + modulo) % modulo
}

const primeOf = (bits: number) => {
  for (;;) {
    const prime = generatePrimeSync(bits, { bigint: true })
    if (prime % 65537n !== 1n) return prime
  }
}

interface RsaNumbers {
  readonly p: bigint
  readonly q: bigint
  /** The private exponent is right for these. */
  readonly primes?: readonly bigint[]
  readonly n?: bigint
}

/** A private RSA key whose numbers need not belong together. */
function rsaOf({ p, q, primes = [p, q], n = p * q }: RsaNumbers): JsonWebKey {
  const d = inverse(
    65537n,
    primes.reduce((product, prime) => product * (prime - 1n), 1n)
  )
  const exponentOf = (prime: bigint) => (prime > 1n ? d % (prime - 1n) : 1n)
  const numbers = { n, e: 65537n, d, p, q, dp: exponentOf(p), dq: exponentOf(q), qi: inverse(q, p) || 1n }
  return {
    kty: 'RSA',
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, base64url(value)]))
  }
}

const large = [primeOf(1040), primeOf(1040), primeOf(1040)] as const
const small = [primeOf(520), primeOf(520)] as const

/** The least number of that many bits without a small prime factor. */
function roughModulus(bits: number): bigint {
  let candidate = (1n << BigInt(bits - 1)) + 1n
  while (primesBelow(752).some((prime) => candidate % BigInt(prime) === 0n)) candidate += 2n
  return candidate
}

/** An odd number of exactly that many bytes. */
const odd = (bytes: number) => Buffer.from([0x80, ...randomBytes(bytes - 2), 1]).toString('base64url')
const publicWords = 'must be secret: this looks like a public key or a certificate'

/** Node's error code differs between releases. */
const unreadable = /^cannot be read as a key \(ERR_\w+\): expected unencrypted PEM, a JWK, a KeyObject or a CryptoKey$/

/** Node 26 and later check some parts themselves. */
const orUnreadable = (problem: string) => new RegExp(`^${problem}$|${unreadable.source}`)
const mismatched = orUnreadable('has a private key that does not match its public key')
const foreign = (member: string) => `has a "${member}" that is not canonical base64url or does not belong to this key`

t.test('readKey() rejects an unusable key at start and names it', async (t) => {
  const ed = jwkOf(ed25519.privateKey)
  const rows: [string, unknown, string, string | RegExp][] = [
    ['no key', [{}], 'keys.0.key', 'is missing'],
    ['null', [{ key: null }], 'keys.0.key', 'must be PEM text, a JWK, a KeyObject or a CryptoKey'],
    ['a number', [{ key: 7 }], 'keys.0.key', 'must be PEM text, a JWK, a KeyObject or a CryptoKey'],
    ['a Buffer', [{ key: randomBytes(64) }], 'keys.0.key', 'must be PEM text, a JWK, a KeyObject or a CryptoKey'],
    ['an empty object', [{ key: {} }], 'keys.0.key', unreadable],
    ['text that is not a key', [{ key: 'a secret that was put into the wrong place' }], 'keys.0.key', unreadable],
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
      'has an "n" that begins with a zero octet, which must be left out (RFC 7518 §6.3.1.1)'
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
    ["RSA with another's private exponent", [{ key: changed('d', 2n) }], 'keys.0.key', mismatched],
    [
      'RSA with 1 for "p"',
      [{ key: rsaOf({ p: 1n, q: roughModulus(2048), primes: [roughModulus(2048)] }) }],
      'keys.0.key',
      mismatched
    ],
    [
      'RSA with 1 for "q"',
      [{ key: rsaOf({ p: roughModulus(2048), q: 1n, primes: [roughModulus(2048)] }) }],
      'keys.0.key',
      mismatched
    ],
    [
      "RSA with another modulus's primes",
      [{ key: rsaOf({ p: large[0], q: large[1], primes: large, n: large[0] * large[2] }) }],
      'keys.0.key',
      mismatched
    ],
    ['RSA with an even prime', [{ key: changed('p', -1n) }], 'keys.0.key', mismatched],
    ['RSA with a wrong "dp"', [{ key: changed('dp', 2n) }], 'keys.0.key', mismatched],
    ['RSA with a wrong "dq"', [{ key: changed('dq', 2n) }], 'keys.0.key', mismatched],
    ['RSA with a wrong "qi"', [{ key: changed('qi', 1n) }], 'keys.0.key', mismatched],
    [
      'RSA whose "p" is the product of two primes',
      [{ key: rsaOf({ p: small[0] * small[1], q: large[0], primes: [...small, large[0]] }) }],
      'keys.0.key',
      mismatched
    ],
    [
      'RSA whose "q" is the product of two primes',
      [{ key: rsaOf({ p: large[0], q: small[0] * small[1], primes: [...small, large[0]] }) }],
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
      'EC with 0 as private key',
      [{ key: { ...jwkOf(p256.privateKey), d: base64url(0n, 32) } }],
      'keys.0.key',
      mismatched
    ],
    [
      'Ed25519 off its curve',
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
      'EC off its curve',
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
    ['k that is not a string', [{ key: { kty, k: 7 } }], 'keys.0.key', unreadable],
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
      'kid that is not a string in a JWK',
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
  for (const [what, keys, name, problem] of rows) await rejects(t, { what, options: { keys }, name, problem })

  const good: [string, KeyOption[]][] = [
    ['eight keys of one algorithm', nine.slice(1)],
    ['a JWK that may do more', [{ key: { ...ed, use: 'sig', key_ops: ['sign', 'verify'], alg: 'EdDSA', ext: true } }]],
    [
      'a public JWK that may do more, and does not say what it is for',
      [{ key: { ...jwkOf(rsa.publicKey), key_ops: ['verify', 'encrypt'] } as JsonWebKey }]
    ],
    ['an elliptic curve whose point is compressed', [{ key: compressed }]],
    ['RSA of 8192 bits', [{ key: { ...jwkOf(rsa.publicKey), n: base64url(roughModulus(8192)) } }]],
    ['RSA with an exponent of 64 bits', [{ key: { ...jwkOf(rsa.publicKey), e: base64url((1n << 63n) + 1n) } }]],
    ['RSA that is built from its primes', [{ key: rsaOf({ p: large[0], q: large[1] }) }]],
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

// Without the limits, these keys would take minutes.
t.test('readKey() rejects a huge key before it computes with it', async (t) => {
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
    await rejects(t, { what, options: { keys: [{ key }] }, name: 'keys.0.key', problem })
  }
})

t.test('readKey() uses the RFC 7638 thumbprint as kid if none is given', async (t) => {
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
