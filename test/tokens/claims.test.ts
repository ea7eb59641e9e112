import t from 'tap'
import type { AuthenticateOptions } from '../../plugin/index.ts'
import { checkClaims, hasPassed } from '../../plugin/tokens/claims.ts'
import { createLocalTokens, expired, outcomeOf, refused, type Outcome } from '../fixtures/local-tokens.ts'
import { issuer } from '../fixtures/app.ts'
import { forge, goodClaims, now, localSigner } from '../fixtures/tokens.ts'

t.test('checkClaims() compares exp, iat and nbf to the second', async (t) => {
  const noInteger = refused('exp and iat must be whole seconds since the epoch')
  const early = refused('iat is in the future')
  const long = refused('the lifetime (exp - iat) exceeds maxLifetimeSeconds')
  const notYet = refused('nbf is in the future')
  const wrongNbf = refused('nbf must be whole seconds since the epoch')
  const lifeless = refused('exp is not after iat')
  const { MAX_SAFE_INTEGER: max } = Number
  const rows: {
    claims: Record<string, unknown> | string
    ms?: number
    options?: AuthenticateOptions['accessToken']
    expected: Outcome
  }[] = [
    { claims: { exp: now + 1 }, expected: 'accepted' },
    { claims: { exp: now + 1 }, ms: 999, expected: 'accepted' },
    { claims: { exp: now + 1 }, ms: 1000, expected: expired },
    { claims: { iat: now - 1, exp: now }, expected: expired },
    { claims: { iat: now - 1, exp: now }, ms: -1, expected: 'accepted' },
    { claims: { iat: now - 2, exp: now - 1 }, expected: expired },
    { claims: { iat: now - 2, exp: now - 1 }, options: { clockToleranceSeconds: 300 }, expected: expired },
    { claims: { exp: 1, iat: 0 }, expected: expired },
    { claims: { exp: -1, iat: -2 }, expected: expired },
    { claims: { iat: now + 1, exp: now + 1 }, expected: lifeless },
    { claims: { iat: now + 2, exp: now + 1 }, expected: lifeless },
    { claims: { iat: now, exp: now }, ms: -1, expected: lifeless },
    { claims: { iat: now + 1, exp: now + 2 }, expected: 'accepted' },
    { claims: { exp: max }, expected: long },
    { claims: { exp: max + 1 }, expected: noInteger },
    { claims: { exp: now + 600.5 }, expected: noInteger },
    { claims: { exp: `${now + 600}` }, expected: noInteger },
    { claims: { exp: [now + 600] }, expected: noInteger },
    { claims: { exp: true }, expected: noInteger },
    { claims: { exp: null }, expected: noInteger },
    { claims: { exp: undefined }, expected: noInteger },
    { claims: JSON.stringify({ ...goodClaims, exp: 'x' }).replace('"x"', '1e400'), expected: noInteger },
    { claims: JSON.stringify({ ...goodClaims, exp: 'x' }).replace('"x"', '-1e400'), expected: noInteger },
    { claims: JSON.stringify({ ...goodClaims, exp: 'x' }).replace('"x"', `${now + 600}.0`), expected: 'accepted' },
    { claims: { iat: now + 5 }, expected: 'accepted' },
    { claims: { iat: now + 6 }, ms: 999, expected: early },
    { claims: { iat: now + 6 }, ms: 1000, expected: 'accepted' },
    { claims: { iat: now }, ms: -1, options: { clockToleranceSeconds: 0 }, expected: early },
    { claims: { iat: now }, options: { clockToleranceSeconds: 0 }, expected: 'accepted' },
    { claims: { iat: now + 300 }, options: { clockToleranceSeconds: 300 }, expected: 'accepted' },
    { claims: { iat: max }, expected: early },
    { claims: { iat: -max }, expected: long },
    { claims: { iat: now - 0.5 }, expected: noInteger },
    { claims: { iat: `${now}` }, expected: noInteger },
    { claims: { iat: null }, expected: noInteger },
    { claims: { iat: undefined }, expected: noInteger },
    { claims: { exp: now + 86_400 }, expected: 'accepted' },
    { claims: { exp: now + 86_401 }, expected: long },
    { claims: { iat: now - 85_800 }, expected: 'accepted' },
    { claims: { iat: now - 85_801 }, expected: long },
    { claims: { exp: now + 601 }, options: { maxLifetimeSeconds: 600 }, expected: long },
    { claims: { nbf: now + 5 }, expected: 'accepted' },
    { claims: { nbf: now + 6 }, ms: 999, expected: notYet },
    { claims: { nbf: now + 6 }, ms: 1000, expected: 'accepted' },
    { claims: { nbf: now + 1 }, options: { clockToleranceSeconds: 0 }, expected: notYet },
    { claims: { nbf: -max }, expected: 'accepted' },
    { claims: { nbf: now - 0.5 }, expected: wrongNbf },
    { claims: { nbf: `${now}` }, expected: wrongNbf },
    { claims: { nbf: null }, expected: wrongNbf }
  ]
  for (const { claims, ms = 0, options, expected } of rows) {
    const { tokens, clock } = await createLocalTokens({ accessToken: options })
    clock.set(clock() + ms)
    const token = forge(localSigner, { claims })
    t.strictSame(
      await outcomeOf(() => tokens.verify(token)),
      expected,
      `${JSON.stringify(claims)} at ${ms} ms ${JSON.stringify(options ?? {})}`
    )
    const again = typeof expected === 'object' && expected.code === 'AUTH_EXPIRED_TOKEN' ? 'accepted' : expected
    t.strictSame(
      await outcomeOf(() => tokens.verifyIgnoringExpiry(tokens.parse(token))),
      again,
      'verifyIgnoringExpiry() differs in exp only'
    )
  }
})

t.test('hasPassed() compares a time with a fraction to the millisecond, in any year', async (t) => {
  const wrong: string[] = []
  for (const year of [1970, 2004, 2026, 2030, 2039, 2100, 2999]) {
    const seconds = Date.UTC(year, 5, 1) / 1000
    for (let ms = 1; ms < 1000; ms++) {
      const text = `${seconds}.${String(ms).padStart(3, '0')}`
      const time = seconds * 1000 + ms
      if (hasPassed(Number(text), time - 1) || !hasPassed(Number(text), time)) wrong.push(text)
    }
  }
  t.strictSame(wrong, [])
})

t.test(
  'checkClaims() accepts fractional times of external issuers, and rejects numbers that are not times',
  async (t) => {
    const policy = {
      issuers: [issuer],
      audience: [issuer],
      clockToleranceSeconds: 5,
      maxLifetimeSeconds: 86_400,
      fractions: true
    }
    const check = (claims: object) =>
      checkClaims({ ...goodClaims, ...claims }, { policy, now: now * 1000, allowExpired: false })
    check({ exp: now + 0.5, iat: now - 0.5, nbf: 0.5 })
    check({ nbf: 0 })
    const early = { code: 'AUTH_INVALID_TOKEN', detail: 'nbf is in the future' }
    t.throws(() => check({ nbf: Number.MAX_SAFE_INTEGER }), early, 'the largest time')
    for (const value of [NaN, Infinity, -Infinity, -1, -0.001, 2 ** 53, 1e300, `${now}`, null, [now], true]) {
      for (const name of ['exp', 'iat']) {
        t.throws(
          () => check({ [name]: value }),
          { code: 'AUTH_INVALID_TOKEN', detail: 'exp and iat must be seconds since the epoch' },
          `${name} ${value}`
        )
      }
      t.throws(
        () => check({ nbf: value }),
        { code: 'AUTH_INVALID_TOKEN', detail: 'nbf must be seconds since the epoch' },
        `nbf ${value}`
      )
    }
  }
)

t.test('checkClaims() compares iss, aud and sub exactly', async (t) => {
  const iss = refused('iss is not the expected issuer')
  const aud = refused('aud must name an accepted audience')
  const sub = refused('sub must be a non-empty string')
  const rows: { claims: Record<string, unknown>; audience?: string | string[]; expected: Outcome }[] = [
    ...[undefined, null, '', [issuer], { 0: issuer }, 1, `${issuer}/`, issuer.toUpperCase(), ` ${issuer}`].map(
      (value) => ({ claims: { iss: value }, expected: iss })
    ),
    ...[
      undefined,
      null,
      '',
      [],
      [[issuer]],
      {},
      { [issuer]: true },
      1,
      true,
      `${issuer}/`,
      [`${issuer}/`],
      [issuer, 1],
      [null, issuer],
      issuer.slice(0, -1),
      `${issuer} other`
    ].map((value) => ({ claims: { aud: value }, expected: aud })),
    ...[[issuer], ['other', issuer], [issuer, issuer]].map((value) => ({
      claims: { aud: value },
      expected: 'accepted' as const
    })),
    { claims: { aud: 'app' }, audience: 'app', expected: 'accepted' },
    { claims: { aud: issuer }, audience: 'app', expected: aud },
    { claims: { aud: 'web' }, audience: ['app', 'web'], expected: 'accepted' },
    { claims: { aud: ['other', 'app'] }, audience: ['app', 'web'], expected: 'accepted' },
    { claims: { aud: ['other'] }, audience: ['app', 'web'], expected: aud },
    ...[undefined, null, '', 7, 0, true, ['alice'], { sub: 'alice' }].map((value) => ({
      claims: { sub: value },
      expected: sub
    })),
    ...[' ', '0', 'null', 'constructor', '__proto__', '\0', 'ö\u{1f600}', 'a\r\nSet-Cookie: b=c'].map((value) => ({
      claims: { sub: value },
      expected: 'accepted' as const
    }))
  ]
  for (const { claims, audience, expected } of rows) {
    const { tokens } = await createLocalTokens({ audience })
    t.strictSame(
      await outcomeOf(() => tokens.verify(forge(localSigner, { claims }))),
      expected,
      `${JSON.stringify(claims)} for ${audience ?? issuer}`
    )
  }
})
