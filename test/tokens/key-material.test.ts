import { createSecretKey, generateKeyPairSync, KeyObject, randomBytes } from 'node:crypto'
import t from 'tap'
import { copyOf, readMaterial } from '../../plugin/tokens/key-material.ts'

// The fault itself depends on when garbage is collected: most processes that read 10,000 generated keys never ended.
t.test(
  'readMaterial() copies a key, whose export as a JWK could block the process that has generated it',
  async (t) => {
    for (const [name, { privateKey, publicKey }] of Object.entries({
      ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      ed25519: generateKeyPairSync('ed25519'),
      rsa: generateKeyPairSync('rsa', { modulusLength: 2048 })
    })) {
      for (const key of [privateKey, publicKey]) {
        const copy = readMaterial(key, 'keys[0].key')
        t.not(copy, key, `the ${key.type} key, ${name}`)
        t.equal(copy.type, key.type)
        t.ok(copy.equals(key))
      }
    }
  }
)

t.test('readMaterial() copies the key of a CryptoKey', async (t) => {
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify'
  ])
  const copy = readMaterial(privateKey, 'keys[0].key')
  t.ok(copy.equals(KeyObject.from(privateKey)))
})

t.test('copyOf() returns a secret unchanged: it is not generated with a lock', async (t) => {
  const secret = createSecretKey(randomBytes(64))
  t.equal(copyOf(secret), secret)
})
