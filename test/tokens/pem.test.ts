import { generateKeyPairSync, webcrypto } from 'node:crypto'
import t from 'tap'
import { secret } from '../fixtures/app.ts'
import { base, register } from '../fixtures/registration.ts'
import { readKey } from '../../plugin/tokens/key.ts'
import { restorePem } from '../../plugin/tokens/pem.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pems = [
  privateKey.export({ type: 'pkcs8', format: 'pem' }),
  privateKey.export({ type: 'pkcs1', format: 'pem' }),
  publicKey.export({ type: 'spki', format: 'pem' })
].map(String)

t.test('restorePem() reads PEM as environment variables change it, and leaves any other text alone', async (t) => {
  for (const pem of pems) {
    for (const [what, text] of Object.entries({
      unchanged: pem,
      'literal line breaks': pem.replaceAll('\n', '\\n'),
      'literal CR and LF': pem.replaceAll('\n', '\\r\\n'),
      'one line with spaces': pem.replaceAll('\n', ' '),
      'one line': pem.replaceAll('\n', ''),
      'base64 of PEM': Buffer.from(pem).toString('base64'),
      'base64 of PEM in lines': Buffer.from(pem).toString('base64').replace(/.{76}/g, '$&\n')
    })) {
      t.equal(restorePem(text), pem, what)
      t.equal(readKey({ key: text }, 'key').alg, 'RS256', what)
    }
  }
  for (const text of ['', 'text', 'AAAA', '-----BEGIN PRIVATE KEY-----', `${pems[0]}${pems[2]}`]) {
    t.equal(restorePem(text), text)
  }
})

t.test('readKey() takes an extractable CryptoKey, and refuses any other', async (t) => {
  const generate = (extractable: boolean) =>
    webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, extractable, ['sign', 'verify'])
  const { privateKey, publicKey } = await generate(true)
  for (const key of [privateKey, publicKey]) t.equal(readKey({ key }, 'key').alg, 'ES256', `a ${key.type} key`)
  const { privateKey: closed } = await generate(false)
  t.throws(() => readKey({ key: closed }, 'key'), { message: /"key.key" is a CryptoKey that is not extractable/ })
  const ecdh = await webcrypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits'])
  const aes = await webcrypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt'])
  for (const key of [ecdh.privateKey, ecdh.publicKey, aes]) {
    t.throws(() => readKey({ key }, 'key'), {
      message: /"key.key" is a CryptoKey without the usage "sign" or "verify"$/
    })
  }
})

t.test('register() refuses a secret that ends with a line break, unless it only verifies', async (t) => {
  const message = /"secret(\.0)?" must not end with a line break/
  for (const text of [`${secret}\n`, `${secret}\r\n`]) {
    for (const given of [text, Buffer.from(text), [text, secret]]) {
      await t.rejects(register({ ...base, secret: given }), { name: 'TypeError', message })
    }
    await register({ ...base, secret: [secret, text] })
  }
  await register({ ...base, secret: Buffer.from([...Buffer.alloc(40, 'binary \x80', 'latin1'), 10]) })
})
