import { createPublicKey, verify } from 'node:crypto'
import t from 'tap'
import { rejects } from '../fixtures/rejected-options.ts'

t.test('isValidEd25519Key() rejects keys of small order, for which anyone can forge signatures', async (t) => {
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
  // The neutral point and the number 0: a signature that anyone can write without a key.
  const keyless = Buffer.from(`01${'00'.repeat(63)}`, 'hex')
  // Node 24 and later do not verify with such keys.
  const isExposed = Number(process.versions.node.split('.')[0]) < 24
  for (const [order, hex] of rows) {
    const key = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(hex, 'hex').toString('base64url') }
    const publicKey = createPublicKey({ key, format: 'jwk' })
    const signed = Array.from({ length: 200 }, (_, index) => Buffer.from(`message ${index}`)).filter((message) =>
      verify(null, message, publicKey, keyless)
    )
    t.equal(
      signed.length > 0,
      isExposed,
      `${order}: the keyless signature is valid for ${signed.length} of 200 messages`
    )
    await rejects(t, {
      what: order,
      options: { keys: [{ key }] },
      name: 'keys.0.key',
      problem: 'is not a valid Ed25519 key (not on the curve, or of small order)'
    })
  }
})
