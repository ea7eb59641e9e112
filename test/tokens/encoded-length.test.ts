import { createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import t from 'tap'
import { algorithms, keyRequirement, type Algorithm } from '../../plugin/tokens/algorithms.ts'
import { createSigner } from '../../plugin/tokens/signer.ts'
import { readKey } from '../../plugin/tokens/key.ts'
import { rsaKey } from '../fixtures/rsa-key.ts'

const modulusLengths = [2048, 2056, 3072]

/** Keys of every size that an algorithm allows. */
function keysFor(alg: Algorithm): KeyObject[] {
  const { kty, curve } = keyRequirement(alg)
  if (kty === 'oct') return [64, 100].map((bytes) => createSecretKey(randomBytes(bytes)))
  if (kty === 'EC') return [generateKeyPairSync('ec', { namedCurve: curve! }).privateKey]
  if (kty === 'OKP') return [generateKeyPairSync('ed25519').privateKey]
  return rsaKeys
}
const rsaKeys = modulusLengths.map(rsaKey)

const claimSets: Record<string, Record<string, unknown>> = {
  'ASCII of every length modulo three': { iat: 1, a: 'x' },
  'one character more': { iat: 1, a: 'xy' },
  'two characters more': { iat: 1, a: 'xyz' },
  'characters of two, three and four bytes': { iat: 1, a: 'é€😀', ключ: ['ы'] },
  'what JSON escapes': { iat: 1, a: '"\\\n\u0000\ud800' },
  'nothing that JSON leaves out': {
    iat: 1,
    a: undefined,
    deep: { b: undefined, list: [undefined, null, 1.5e300, true] }
  }
}

for (const alg of Object.keys(algorithms) as Algorithm[]) {
  t.test(`encodedLength() is the exact length of the token that sign() returns: ${alg}`, async (t) => {
    for (const key of keysFor(alg)) {
      for (const [kid, type] of [
        ['k', 'at+jwt'],
        ['a "longer" kid, ключ', 'JWT']
      ] as const) {
        const signer = createSigner(readKey({ key, alg, kid }, 'keys.0'), type)
        await signer.load()
        for (const [name, claims] of Object.entries(claimSets)) {
          t.equal(signer.encodedLength(claims), signer.sign({ ...claims }).length, name)
        }
      }
    }
  })
}
