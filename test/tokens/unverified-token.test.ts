import t from 'tap'
import { UnverifiedToken } from '../../plugin/tokens/unverified-token.ts'
import { outcomeOf, refused } from '../fixtures/local-tokens.ts'
import { encode, forge, goodClaims } from '../fixtures/tokens.ts'

t.test('UnverifiedToken splits its text and decodes each segment once', async (t) => {
  const token = new UnverifiedToken(forge())
  const { header, payload } = token.decode()
  t.match([header, payload], [{ alg: 'HS256' }, goodClaims])
  t.equal(token.split(), token.split())
  t.equal(token.payload(), payload)
  t.strictSame([token.decode().header === header, token.decode().payload === payload], [true, true])
})

t.test('decode() names the first segment that is malformed, each time', async (t) => {
  const [header, payload, signature] = [encode({ alg: 'HS256' }), encode(goodClaims), encode('signature')]
  const rows: [text: string, outcome: unknown][] = [
    [`${header}.${payload}.${signature}`, 'accepted'],
    [`${header}.${payload}`, refused('the token does not have three segments')],
    [`[].[].=`, refused('the header is not canonical base64url')],
    [`${header}.[].=`, refused('the payload is not canonical base64url')],
    [`${header}.${payload}.=`, refused('the signature is not canonical base64url')]
  ]
  for (const [text, outcome] of rows) {
    const token = new UnverifiedToken(text)
    for (const time of ['once', 'again']) {
      t.strictSame(await outcomeOf(() => token.decode()), outcome, `${text}, ${time}`)
    }
    t.equal(token.claimedIssuer(), outcome === 'accepted' ? goodClaims.iss : undefined)
  }
})

t.test('isSignedBy() asks the key about a signature that can be read only', async (t) => {
  const asked: [input: string, signature: string][] = []
  const verifier = {
    key: null as never,
    verifies(input: string, signature: Buffer) {
      asked.push([input, signature.toString()])
      return true
    }
  }
  t.equal(new UnverifiedToken(`a.b.${encode('signature')}`).isSignedBy(verifier), true)
  t.equal(new UnverifiedToken('a.b.=').isSignedBy(verifier), false)
  t.strictSame(asked, [['a.b', 'signature']])
})
