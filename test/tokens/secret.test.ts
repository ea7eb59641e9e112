import { createHash, createSecretKey, generateKeyPairSync, KeyObject, randomBytes } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { createApp, secret } from '../fixtures/app.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { pemOf, rejects } from '../fixtures/rejected-options.ts'
import { decode } from '../fixtures/tokens.ts'

// Generating an RSA key is slow: one is enough.
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')
const hmac = createSecretKey(randomBytes(64))
const kty = 'oct'
const der = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })
const oneWord = 'AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N8'

/** A self-signed certificate, which is as public as a public key. */
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

const publicWords = 'must be secret: this looks like a public key or a certificate'

t.test('readSecrets() rejects an unusable secret at start and names it', async (t) => {
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
    ['PEM in base64', Buffer.from(pemOf(p256.publicKey)).toString('base64'), 'secret', publicWords],
    ['a JWK in base64', Buffer.from(JSON.stringify(jwkOf(rsa.publicKey))).toString('base64'), 'secret', publicWords],
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
  for (const [what, value, name, problem] of rows) await rejects(t, { what, options: { secret: value }, name, problem })

  for (const good of [
    '"kty" is a word of JSON Web Keys, not of mine',
    randomBytes(32),
    randomBytes(32).toString('base64'),
    'é'.repeat(19) + 'e'
  ]) {
    await t.resolves(createApp({ plugin: { secret: good } }), 'a secret that only looks odd is accepted')
  }
})

t.test('secretKey() derives a kid that a plain hash of a guessed secret cannot confirm', async (t) => {
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
