import t from 'tap'
import { makeKey, startIssuer, tokenOf } from '../fixtures/issuer.ts'
import { accepted, invalid, present, trusting } from '../fixtures/trusting-app.ts'

// Many small servers need more time on a busy machine.
t.setTimeout(600_000)

const rsa = makeKey('RS256', 'rsa')
const other = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')
const nameless = makeKey('ES256', undefined)

/** RFC 7518 §6.3.1.1: some libraries put a zero octet before the modulus. */
const afterZeros = (count: number) =>
  Buffer.concat([Buffer.alloc(count), Buffer.from(rsa.jwk.n!, 'base64url')]).toString('base64url')

t.test('readPublishedKey() verifies only with usable keys of a published set', async (t) => {
  const rsa512 = makeKey('RS256', 'rsa', 512)
  const rsa1024 = makeKey('RS256', 'rsa', 1024)
  const { alg: _alg, use: _use, ...bare } = rsa.jwk
  const { kid: _kid, ...withoutKid } = ec.jwk
  const crowd = Array.from({ length: 3000 }, (_, index) => ({
    kty: 'EC',
    crv: 'P-256',
    x: nameless.jwk.x,
    kid: `k${index}`
  }))
  const secretJwk = { kty: 'oct', kid: 'hs', k: Buffer.alloc(32, 'known').toString('base64url') }
  const rows: [string, unknown[], string | ((url: string) => string), object][] = [
    ['a good key', [rsa.jwk], '', accepted],
    ['a good key among others', [other.jwk.n && { ...other.jwk, kid: 'b' }, ec.jwk, rsa.jwk], '', accepted],
    ['a key without use and alg, as Entra publishes', [bare], '', accepted],
    ['a key with a certificate chain, which is not looked at', [{ ...rsa.jwk, x5c: ['AAAA'], x5t: 'x' }], '', accepted],
    ['a modulus after a zero octet', [{ ...rsa.jwk, n: afterZeros(1) }], '', accepted],
    ['a modulus after two zero octets', [{ ...rsa.jwk, n: afterZeros(2) }], '', invalid],
    ['no key', [], '', invalid],
    ['another key', [{ ...rsa.jwk, kid: 'else' }], '', invalid],
    ['another key of that kid', [other.jwk], '', invalid],
    ['a private key', [rsa.privateJwk], '', invalid],
    ['a private key without d', [{ ...rsa.jwk, p: rsa.privateJwk.p }], '', invalid],
    ['a private key next to the public one', [rsa.privateJwk, rsa.jwk], '', accepted],
    ['duplicate kids, the good one first', [rsa.jwk, other.jwk], '', accepted],
    ['duplicate kids, the good one last', [other.jwk, rsa.jwk], '', accepted],
    ['duplicate kids of two algorithms', [{ ...ec.jwk, kid: 'rsa' }, rsa.jwk], '', accepted],
    [
      'an oct key',
      [secretJwk],
      (url) => tokenOf(url, { alg: 'HS256', kid: 'hs', key: Buffer.alloc(32, 'known') }),
      invalid
    ],
    [
      'its public key as HMAC secret',
      [rsa.jwk],
      (url) => tokenOf(url, { alg: 'HS256', kid: 'rsa', key: Buffer.from(JSON.stringify(rsa.jwk)) }),
      invalid
    ],
    ['RSA of 512 bits', [rsa512.jwk], (url) => tokenOf(url, rsa512), invalid],
    ['RSA of 1024 bits', [rsa1024.jwk], (url) => tokenOf(url, rsa1024), invalid],
    ['a weak modulus and exponent', [{ ...rsa.jwk, e: 'Aw' }], '', invalid],
    [
      'an exponent that would take minutes',
      [{ ...rsa.jwk, e: Buffer.alloc(375_000, 1).toString('base64url') }],
      '',
      invalid
    ],
    ['a key to encrypt with', [{ ...rsa.jwk, use: 'enc' }], '', invalid],
    ['a key whose key_ops forbid it', [{ ...rsa.jwk, key_ops: ['encrypt'] }], '', invalid],
    ['an unknown alg', [{ ...rsa.jwk, alg: 'RS1' }], '', invalid],
    ['an alg of encryption', [{ ...rsa.jwk, alg: 'RSA-OAEP' }], '', invalid],
    ['an alg that is not a string', [{ ...rsa.jwk, alg: 7 }], '', invalid],
    ["another alg than the token's", [{ ...rsa.jwk, alg: 'PS256' }], '', invalid],
    ['an alg that is not pinned', [rsa.jwk], (url) => tokenOf(url, { ...rsa, alg: 'RS512' }), invalid],
    ['an unknown kty', [{ ...rsa.jwk, kty: 'AKP' }], '', invalid],
    ['no kty', [{ ...rsa.jwk, kty: undefined }], '', invalid],
    ['a modulus that is not base64url', [{ ...rsa.jwk, n: `${rsa.jwk.n}==` }], '', invalid],
    [
      'a key that cannot be read next to a good one',
      [{ kty: 'RSA', kid: 'rsa' }, { kty: 'RSA', kid: 'rsa', n: 7, e: {} }, rsa.jwk],
      '',
      accepted
    ],
    [
      'kids that are not strings',
      [
        { ...rsa.jwk, kid: 7 },
        { ...rsa.jwk, kid: ['rsa'] }
      ],
      '',
      invalid
    ],
    ['a set without kids, a token with one', [withoutKid], (url) => tokenOf(url, ec), invalid],
    ['a set without kids, a token without', [withoutKid], (url) => tokenOf(url, { ...ec, kid: undefined }), accepted],
    ['a set with kids, a token without', [rsa.jwk, ec.jwk], (url) => tokenOf(url, { ...ec, kid: undefined }), accepted],
    ['thousands of keys', [...crowd, rsa.jwk, ec.jwk], (url) => tokenOf(url, ec), accepted],
    [
      'thousands of keys of another kind, a token without kid',
      [...crowd, rsa.jwk],
      (url) => tokenOf(url, { ...rsa, kid: undefined }),
      accepted
    ],
    [
      'a hundred keys for another algorithm, a token without kid',
      [...Array.from({ length: 100 }, () => ({ ...other.jwk, alg: 'PS256' })), rsa.jwk],
      (url) => tokenOf(url, { ...rsa, kid: undefined }),
      accepted
    ],
    [
      'thousands of keys, a token without kid: a few are tried',
      [...crowd, ec.jwk],
      (url) => tokenOf(url, { ...ec, kid: undefined }),
      invalid
    ]
  ]
  for (const [what, keys, token, expected] of rows) {
    const idp = await startIssuer(t, keys)
    await present(t, idp, {
      option: trusting(idp),
      token: typeof token === 'string' ? tokenOf(idp.url, rsa) : token(idp.url),
      expected,
      what
    })
  }
})
