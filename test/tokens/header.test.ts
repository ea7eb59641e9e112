import t from 'tap'
import { AuthError } from '../../plugin/errors.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createHeaders } from '../../plugin/tokens/header.ts'
import { createLocalVerifier } from '../../plugin/tokens/local-verifier.ts'
import { UnverifiedToken } from '../../plugin/tokens/unverified-token.ts'
import { createLocalTokens, outcomeOf, refused, stranger, type Outcome } from '../fixtures/local-tokens.ts'
import { epoch, issuer, secret } from '../fixtures/app.ts'
import { encode, fixedKeys, forge, localKeyring, localSigner, type Signer } from '../fixtures/tokens.ts'

t.test('checkHeader() compares typ as a media type (RFC 7515 §4.1.9)', async (t) => {
  const wrong = refused('typ is not an accepted type')
  const rows: { type?: string | string[] | false; typ: unknown; expected: Outcome }[] = [
    ...['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt'].map((typ) => ({
      typ,
      expected: 'accepted' as const
    })),
    ...[
      'JWT',
      'jwt',
      '',
      ' at+jwt',
      'at+jwt ',
      'at jwt',
      'application/',
      'application/application/at+jwt',
      'text/at+jwt',
      'at+jwt; charset=utf-8',
      'id+jwt',
      'logout+jwt',
      undefined,
      null,
      0,
      true,
      ['at+jwt'],
      { typ: 'at+jwt' }
    ].map((typ) => ({ typ, expected: wrong })),
    { type: 'application/at+jwt', typ: 'at+jwt', expected: 'accepted' },
    { type: 'JWT', typ: 'jwt', expected: 'accepted' },
    { type: 'JWT', typ: 'at+jwt', expected: wrong },
    { type: ['at+jwt', 'JWT'], typ: 'JWT', expected: 'accepted' },
    { type: ['at+jwt', 'JWT'], typ: 'at+jwt', expected: 'accepted' },
    { type: ['at+jwt', 'JWT'], typ: 'id+jwt', expected: wrong },
    { type: ['at+jwt', 'JWT'], typ: undefined, expected: wrong },
    ...[undefined, 'anything', 7, null].map((typ) => ({ type: false as const, typ, expected: 'accepted' as const }))
  ]
  for (const { type, typ, expected } of rows) {
    const { tokens } = await createLocalTokens({ accessToken: { type } })
    t.strictSame(
      await outcomeOf(() => tokens.verify(forge(localSigner, { header: { typ } }))),
      expected,
      `${JSON.stringify(typ)} where ${JSON.stringify(type)} is accepted`
    )
  }
})

t.test('readKeyHint() accepts a token without kid, but not one with an unknown kid', async (t) => {
  const illTyped = refused('kid must be a string of 1 to 256 characters')
  const unknown = refused('no key matches alg and kid')
  const long = 'k'.repeat(256)
  const keys = [
    { key: { kty: 'oct', k: Buffer.alloc(40, 'second ').toString('base64url') }, kid: long, state: 'active' as const },
    { key: { kty: 'oct', k: encode(secret) }, kid: localSigner.kid, state: 'previous' as const }
  ]
  const { tokens } = await createLocalTokens({ keys })
  const rows: [unknown, Outcome][] = [
    [localSigner.kid, 'accepted'],
    [undefined, 'accepted'],
    [long, refused('the signature is wrong')],
    [`${long}k`, illTyped],
    ...['', null, 0, 7, true, [localSigner.kid], { kid: localSigner.kid }].map((kid): [unknown, Outcome] => [
      kid,
      illTyped
    ]),
    ...[
      'unknown',
      ` ${localSigner.kid}`,
      `${localSigner.kid}\0`,
      '__proto__',
      'constructor',
      '../../dev/null',
      "' OR 1=1 --",
      'HS256'
    ].map((kid): [unknown, Outcome] => [kid, unknown])
  ]
  for (const [kid, expected] of rows) {
    t.strictSame(
      await outcomeOf(() => tokens.verify(forge(localSigner, { header: { kid } }))),
      expected,
      JSON.stringify(kid)?.slice(0, 40)
    )
  }
  t.strictSame(
    await outcomeOf(() => tokens.verify(forge(stranger, { header: { kid: undefined } }))),
    refused('the signature is wrong'),
    'without kid, one of our keys must still have signed it'
  )
})

t.test('createHeaders() remembers the headers of the last four verified tokens', async (t) => {
  const headers = createHeaders()
  const tokenOf = (kid: string) => new UnverifiedToken(forge({ ...localSigner, kid }))
  const read = (kid: string) => headers.read(tokenOf(kid))
  for (const kid of ['1', '2', '3', '4', '5', '6']) {
    t.equal(read(kid).isKnown, false)
    headers.remember(tokenOf(kid), read(kid))
    headers.remember(tokenOf(kid), read(kid))
  }
  t.strictSame(
    ['1', '2', '3', '4', '5', '6'].map((kid) => read(kid).isKnown),
    [false, false, true, true, true, true]
  )
})

t.test("a local verifier's check() remembers the header of a token only if its signature is right", async (t) => {
  const { accessToken, acceptedAudience, issuers } = resolveOptions({ issuer, secret })
  const local = createLocalVerifier({
    policy: { ...accessToken, issuers, audience: acceptedAudience, fractions: false },
    type: 'at+jwt',
    matchesSchema: () => true,
    keys: fixedKeys(localKeyring())
  })
  const parse = (by: Signer) => local.parse(new UnverifiedToken(forge(by)))
  const isAccepted = (by: Signer) => !(local.check(parse(by), { now: epoch, allowExpired: false }) instanceof AuthError)
  const forger = { ...stranger, kid: localSigner.kid }
  t.strictSame([isAccepted(forger), parse(localSigner).read.isKnown], [false, false], 'a forged token')
  t.strictSame([isAccepted(localSigner), parse(localSigner).read.isKnown], [true, true], 'a token of this server')
})
