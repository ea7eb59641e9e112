import { generateKeyPairSync } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { AuthError, type AuthenticateOptions, type KeyOption } from '../../plugin/index.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import { checkClaims, hasPassed } from '../../plugin/tokens/claims.ts'
import { createHeaders } from '../../plugin/tokens/header.ts'
import { createKeyring, type Keyring } from '../../plugin/tokens/keyring.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import { createTokenCache } from '../../plugin/tokens/token-cache.ts'
import { UnverifiedToken } from '../../plugin/tokens/unverified-token.ts'
import { challenges, createApp, createClock, issuer, secret, summaryOf } from '../fixtures/app.ts'
import {
  decode,
  encode,
  fixedKeys,
  forge,
  goodClaims,
  now,
  localSigner,
  signerWith,
  signature
} from '../fixtures/tokens.ts'

const stranger = signerWith('the secret of somebody else, who knows our kid')
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** A token in the making. Each fault changes one place of it; what another fault changes stays as it is. */
interface Draft {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  headerBytes: (json: Buffer) => Buffer
  claimsBytes: (json: Buffer) => Buffer
  headerText: (text: string) => string
  claimsText: (text: string) => string
  key: Buffer
  signatureText: (text: string) => string
  more: string
}

function write(change: (draft: Draft) => void): string {
  const same = <T>(value: T) => value
  const draft: Draft = {
    header: { alg: 'HS256', typ: 'at+jwt', kid: localSigner.kid },
    claims: { ...goodClaims, nbf: now, jti: 'fresh', sid: 'session', tier: 'gold' },
    headerBytes: same,
    claimsBytes: same,
    headerText: same,
    claimsText: same,
    key: localSigner.key as Buffer,
    signatureText: same,
    more: ''
  }
  change(draft)
  const header = draft.headerText(encode(draft.headerBytes(Buffer.from(JSON.stringify(draft.header)))))
  const claims = draft.claimsText(encode(draft.claimsBytes(Buffer.from(JSON.stringify(draft.claims)))))
  return `${header}.${claims}.${draft.signatureText(signature({ alg: 'HS256', key: draft.key }, `${header}.${claims}`))}${draft.more}`
}

const append = (byte: string) => (json: Buffer) => Buffer.concat([json, Buffer.from(byte, 'latin1')])
const inList = (json: Buffer) => Buffer.from(`[${json}]`)
const misspelt = (text: string) => `${text}+`
const padded = (text: string) => `${text}=`

/** In the order of the checks: what is wrong, where it is (faults of one place exclude each other), and what is said of it. */
const faults: {
  name: string
  at: string
  change: (draft: Draft) => void
  detail: string
  code?: 'AUTH_EXPIRED_TOKEN' | 'AUTH_REVOKED_TOKEN'
}[] = [
  {
    name: 'over 8 KiB',
    at: 'pad',
    change: ({ claims }) => {
      claims.pad = 'x'.repeat(8192)
    },
    detail: 'the token is longer than 8 KiB'
  },
  {
    name: 'four segments',
    at: 'more',
    change: (draft) => {
      draft.more = '.x'
    },
    detail: 'the token does not have three segments'
  },
  {
    name: 'a header with a + in it',
    at: 'headerText',
    change: (draft) => {
      draft.headerText = misspelt
    },
    detail: 'the header is not canonical base64url'
  },
  {
    name: 'a header of wrong UTF-8',
    at: 'headerBytes',
    change: (draft) => {
      draft.headerBytes = append('\xff')
    },
    detail: 'the header is not UTF-8'
  },
  {
    name: 'a header of wrong JSON',
    at: 'headerBytes',
    change: (draft) => {
      draft.headerBytes = append('}')
    },
    detail: 'the header is not JSON'
  },
  {
    name: 'a header that is a list',
    at: 'headerBytes',
    change: (draft) => {
      draft.headerBytes = inList
    },
    detail: 'the header is not an object'
  },
  {
    name: 'a payload with a + in it',
    at: 'claimsText',
    change: (draft) => {
      draft.claimsText = misspelt
    },
    detail: 'the payload is not canonical base64url'
  },
  {
    name: 'a payload of wrong UTF-8',
    at: 'claimsBytes',
    change: (draft) => {
      draft.claimsBytes = append('\xc3')
    },
    detail: 'the payload is not UTF-8'
  },
  {
    name: 'a payload of wrong JSON',
    at: 'claimsBytes',
    change: (draft) => {
      draft.claimsBytes = append(',')
    },
    detail: 'the payload is not JSON'
  },
  {
    name: 'a payload that is a list',
    at: 'claimsBytes',
    change: (draft) => {
      draft.claimsBytes = inList
    },
    detail: 'the payload is not an object'
  },
  {
    name: 'a padded signature',
    at: 'signatureText',
    change: (draft) => {
      draft.signatureText = padded
    },
    detail: 'the signature is not canonical base64url'
  },
  {
    name: 'alg none',
    at: 'alg',
    change: ({ header }) => {
      header.alg = 'none'
    },
    detail: 'alg is not supported'
  },
  {
    name: 'kid of a wrong type',
    at: 'kid',
    change: ({ header }) => {
      header.kid = 7
    },
    detail: 'kid must be a string of 1 to 256 characters'
  },
  {
    name: 'an unknown kid',
    at: 'kid',
    change: ({ header }) => {
      header.kid = 'unknown'
    },
    detail: 'no key matches alg and kid'
  },
  {
    name: "an algorithm that is not the key's",
    at: 'alg',
    change: ({ header }) => {
      header.alg = 'HS512'
    },
    detail: 'no key matches alg and kid'
  },
  {
    name: 'typ of an ID token',
    at: 'typ',
    change: ({ header }) => {
      header.typ = 'JWT'
    },
    detail: 'typ is not an accepted type'
  },
  {
    name: 'crit',
    at: 'crit',
    change: ({ header }) => {
      header.crit = null
    },
    detail: 'the header parameter crit is not supported'
  },
  {
    name: 'b64',
    at: 'b64',
    change: ({ header }) => {
      header.b64 = true
    },
    detail: 'the header parameter b64 is not supported'
  },
  {
    name: 'zip',
    at: 'zip',
    change: ({ header }) => {
      header.zip = 'DEF'
    },
    detail: 'the header parameter zip is not supported'
  },
  {
    name: 'enc',
    at: 'enc',
    change: ({ header }) => {
      header.enc = 'A256GCM'
    },
    detail: 'the header parameter enc is not supported'
  },
  {
    name: 'a foreign signature',
    at: 'key',
    change: (draft) => {
      draft.key = stranger.key as Buffer
    },
    detail: 'the signature is wrong'
  },
  {
    name: 'a foreign iss',
    at: 'iss',
    change: ({ claims }) => {
      claims.iss = 'https://evil.example'
    },
    detail: 'iss is not the issuer'
  },
  {
    name: 'a foreign aud',
    at: 'aud',
    change: ({ claims }) => {
      claims.aud = 'https://other.example'
    },
    detail: 'aud does not name this audience'
  },
  {
    name: 'an empty sub',
    at: 'sub',
    change: ({ claims }) => {
      claims.sub = ''
    },
    detail: 'sub must be a non-empty string'
  },
  {
    name: 'exp as text',
    at: 'exp',
    change: ({ claims }) => {
      claims.exp = String(now + 600)
    },
    detail: 'exp and iat must be whole seconds since the epoch'
  },
  {
    name: 'iat as text',
    at: 'iat',
    change: ({ claims }) => {
      claims.iat = String(now)
    },
    detail: 'exp and iat must be whole seconds since the epoch'
  },
  {
    name: 'expired',
    at: 'exp',
    change: ({ claims }) => {
      claims.exp = now
    },
    detail: 'exp is not in the future',
    code: 'AUTH_EXPIRED_TOKEN'
  },
  {
    name: 'issued in the future',
    at: 'iat',
    change: ({ claims }) => {
      claims.iat = now + 6
    },
    detail: 'iat is in the future'
  },
  {
    name: 'living too long',
    at: 'iat',
    change: ({ claims }) => {
      claims.iat = now - 86_400
    },
    detail: 'the lifetime (exp - iat) exceeds maxLifetimeSeconds'
  },
  {
    name: 'not valid yet',
    at: 'nbf',
    change: ({ claims }) => {
      claims.nbf = now + 6
    },
    detail: 'nbf is in the future'
  },
  {
    name: 'jti of a wrong type',
    at: 'jti',
    change: ({ claims }) => {
      claims.jti = 7
    },
    detail: 'jti and sid must be strings'
  },
  {
    name: 'sid of a wrong type',
    at: 'sid',
    change: ({ claims }) => {
      claims.sid = null
    },
    detail: 'jti and sid must be strings'
  },
  {
    name: 'an unfit claim',
    at: 'tier',
    change: ({ claims }) => {
      claims.tier = 'tin'
    },
    detail: 'the claims do not match "accessToken.claims"'
  },
  {
    name: 'revoked',
    at: 'jti',
    change: ({ claims }) => {
      claims.jti = 'revoked'
    },
    detail: 'the token or its session was revoked',
    code: 'AUTH_REVOKED_TOKEN'
  }
]

const challengeOf = {
  AUTH_INVALID_TOKEN: challenges.invalid,
  AUTH_EXPIRED_TOKEN: challenges.expired,
  AUTH_REVOKED_TOKEN: challenges.revoked
}

t.test('verify() checks a token in order: size, shape, header, signature, claims, schema', async (t) => {
  const claims = Type.Object({ tier: Type.Literal('gold') })
  const { app, events } = await createApp({ plugin: { accessToken: { claims } } })
  await app.accessTokens.revoke('revoked', now + 600)
  t.strictSame(
    summaryOf(await app.inject({ url: '/me', headers: bearer(write(() => {})) })).status,
    200,
    'without a fault it passes'
  )

  for (const { name, change, detail, code = 'AUTH_INVALID_TOKEN' } of faults) {
    const token = write(change)
    await t.rejects(app.accessTokens.verify(token), { constructor: AuthError, code, detail }, `${name}: by itself`)
    events()
    const response = await app.inject({ url: '/me', headers: bearer(token) })
    const tooLarge = name === 'over 8 KiB'
    t.strictSame(
      summaryOf(response),
      {
        status: tooLarge ? 400 : 401,
        code: tooLarge ? 'AUTH_MALFORMED_CREDENTIALS' : code,
        challenge: tooLarge ? challenges.malformed : challengeOf[code],
        cookies: [],
        cacheControl: null
      },
      `${name}: in a request`
    )
    t.notMatch(response.body, detail, `${name}: the client is not told what exactly`)
    t.match(
      events(),
      [{ type: 'token-refused', code: tooLarge ? 'AUTH_MALFORMED_CREDENTIALS' : code, detail, source: 'header' }],
      `${name}: the event says it`
    )
  }

  const pairs = faults.flatMap((first, index) =>
    faults
      .slice(index + 1)
      .filter(({ at }) => at !== first.at)
      .map((second) => ({ first, second }))
  )
  const disorder = []
  for (const { first, second } of pairs) {
    const token = write((draft) => [first, second].forEach(({ change }) => change(draft)))
    const error = await app.accessTokens.verify(token).then(
      () => null,
      (error: AuthError) => error
    )
    if (error?.detail !== first.detail) disorder.push(`${first.name}, then ${second.name}: ${error?.detail}`)
  }
  t.strictSame(disorder, [], `of two faults the first is reported (${pairs.length} pairs)`)
})

/** A keyring and access tokens by the frozen clock, without a server around them. */
async function open(
  {
    clock = createClock(),
    ...options
  }: Partial<Omit<AuthenticateOptions, 'clock'>> & { clock?: ReturnType<typeof createClock> } = {},
  spy = (keyring: Keyring) => keyring
) {
  let asked = 0
  const counted = () => {
    asked++
    return clock()
  }
  const settings = resolveOptions({ issuer, secret, ...options, clock: counted })
  const keyring = await createKeyring({
    keys: (options.keys ?? []) as readonly KeyOption[],
    secrets: readSecrets(options.secret ?? secret),
    type: 'at+jwt'
  })
  return {
    clock,
    tokens: createAccessTokens({ ...settings, trustedIssuers: [], keys: fixedKeys(spy(keyring)) }),
    asked: () => asked
  }
}

type Outcome = 'accepted' | { code: string; detail: string }
const refused = (detail: string, code = 'AUTH_INVALID_TOKEN'): Outcome => ({ code, detail })
const expired = refused('exp is not in the future', 'AUTH_EXPIRED_TOKEN')

async function outcome(verify: () => unknown): Promise<Outcome> {
  try {
    await verify()
    return 'accepted'
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { code: error.code, detail: error.detail }
  }
}

t.test('verify() judges exp, iat and nbf to the second', async (t) => {
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
    const { tokens, clock } = await open({ accessToken: options })
    clock.set(clock() + ms)
    const token = forge(localSigner, { claims })
    t.strictSame(
      await outcome(() => tokens.verify(token)),
      expected,
      `${JSON.stringify(claims)} at ${ms} ms ${JSON.stringify(options ?? {})}`
    )
    const again = typeof expected === 'object' && expected.code === 'AUTH_EXPIRED_TOKEN' ? 'accepted' : expected
    t.strictSame(
      await outcome(() => tokens.verifyIgnoringExpiry(tokens.parse(token))),
      again,
      'verifyExpired() differs in exp alone'
    )
  }
})

t.test('hasPassed() compares a time that has a fraction to the millisecond, in any year', async (t) => {
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

t.test("checkClaims() takes other issuers' times with a fraction, and no number that is no time", async (t) => {
  const policy = { issuer, audience: [issuer], clockToleranceSeconds: 5, maxLifetimeSeconds: 86_400, fractions: true }
  const check = (claims: object) =>
    checkClaims({ ...goodClaims, ...claims }, { policy, now: now * 1000, allowExpired: false })
  check({ exp: now + 0.5, iat: now - 0.5, nbf: 0.5 })
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
})

t.test('verify() compares iss, aud and sub exactly', async (t) => {
  const iss = refused('iss is not the issuer')
  const aud = refused('aud does not name this audience')
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
    const { tokens } = await open({ audience })
    t.strictSame(
      await outcome(() => tokens.verify(forge(localSigner, { claims }))),
      expected,
      `${JSON.stringify(claims)} for ${audience ?? issuer}`
    )
  }
})

t.test('verify() compares typ as a media type, RFC 7515 §4.1.9', async (t) => {
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
    const { tokens } = await open({ accessToken: { type } })
    t.strictSame(
      await outcome(() => tokens.verify(forge(localSigner, { header: { typ } }))),
      expected,
      `${JSON.stringify(typ)} where ${JSON.stringify(type)} is asked`
    )
  }
})

t.test('verify() takes a token without kid, but none whose kid is not a configured one', async (t) => {
  const illTyped = refused('kid must be a string of 1 to 256 characters')
  const unknown = refused('no key matches alg and kid')
  const long = 'k'.repeat(256)
  const keys = [
    { key: { kty: 'oct', k: Buffer.alloc(40, 'second ').toString('base64url') }, kid: long, state: 'active' as const },
    { key: { kty: 'oct', k: encode(secret) }, kid: localSigner.kid, state: 'previous' as const }
  ]
  const { tokens } = await open({ keys })
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
      await outcome(() => tokens.verify(forge(localSigner, { header: { kid } }))),
      expected,
      JSON.stringify(kid)?.slice(0, 40)
    )
  }
  t.strictSame(
    await outcome(() => tokens.verify(forge(stranger, { header: { kid: undefined } }))),
    refused('the signature is wrong'),
    'without kid, a key of ours must have signed it all the same'
  )
})

t.test('verify() gives optional members their types: jti, sid, scope, roles', async (t) => {
  const { tokens } = await open()
  const wrong = refused('jti and sid must be strings')
  const rows: [Record<string, unknown>, Outcome][] = [
    [{ jti: '', sid: '' }, 'accepted'],
    ...['jti', 'sid'].flatMap((name) =>
      [null, 7, ['x'], {}, true].map((value): [Record<string, unknown>, Outcome] => [{ [name]: value }, wrong])
    )
  ]
  for (const [claims, expected] of rows) {
    t.strictSame(await outcome(() => tokens.verify(forge(localSigner, { claims }))), expected, JSON.stringify(claims))
  }

  const grants: [Record<string, unknown>, string[], string[]][] = [
    [{}, [], []],
    [{ scope: 'a b', roles: ['admin', 'x'] }, ['a', 'b'], ['admin', 'x']],
    [{ scope: ' a  b ' }, ['a', 'b'], []],
    [{ scope: '' }, [], []],
    [{ scope: ['a'], roles: 'admin' }, [], []],
    [{ scope: 7, roles: ['admin', 7] }, [], []],
    [{ scope: null, roles: null }, [], []],
    [{ roles: { 0: 'admin', length: 1 } }, [], []]
  ]
  for (const [claims, scopes, roles] of grants) {
    const verified = await tokens.verify(forge(localSigner, { claims }))
    t.strictSame([verified.scopes, verified.roles], [scopes, roles], JSON.stringify(claims))
  }
})

t.test('verify() freezes what it found, to any depth', async (t) => {
  const { tokens } = await open({ accessToken: { maxLifetimeSeconds: 86_400 } })
  const claims = { scope: 'a b', roles: ['admin'], tree: { list: [{ leaf: 1 }], none: null } }
  const first = await tokens.verify(forge(localSigner, { claims }))
  const tree = first.claims.tree as typeof claims.tree
  const attempts: Record<string, () => unknown> = {
    'a claim': () => {
      ;(first.claims as Record<string, unknown>).sub = 'mallory'
    },
    'a new claim': () => {
      ;(first.claims as Record<string, unknown>).admin = true
    },
    'a role': () => (first.roles as string[]).push('root'),
    'a nested list': () => tree.list.push({ leaf: 2 }),
    'a leaf': () => {
      tree.list[0]!.leaf = 2
    }
  }
  for (const [name, attempt] of Object.entries(attempts)) t.throws(attempt, TypeError, name)

  const deep = `${'['.repeat(2900)}${']'.repeat(2900)}`
  const deepest = await tokens.verify(
    forge(localSigner, { claims: JSON.stringify({ ...goodClaims, deep: 0 }).replace(':0}', `:${deep}}`) })
  )
  let level = deepest.claims.deep as unknown[]
  let depth = 1
  for (; Object.isFrozen(level) && level.length > 0; depth++) level = level[0] as unknown[]
  t.strictSame(
    [depth, Object.isFrozen(level)],
    [2900, true],
    'a nest as deep as 8 KiB allow is frozen to its last list'
  )

  const odd = await tokens.verify(
    forge(localSigner, { claims: JSON.stringify(goodClaims).replace('{', '{"constructor":{"x":1},') })
  )
  t.ok(Object.isFrozen(odd.claims.constructor), 'a member "constructor" is one like any other')
  for (const list of [first.scopes, first.roles]) {
    t.throws(() => (list as string[]).push('root'), TypeError, 'what counts')
  }
})

t.test(
  'verify() of a token that is known asks the time, not the key, and hands out the same frozen claims',
  async (t) => {
    let verified = 0
    const { tokens, clock, asked } = await open({}, (keyring) => ({
      ...keyring,
      candidates: (hint) =>
        keyring.candidates(hint).map((signer) => ({
          ...signer,
          verify: (token: string) => {
            verified++
            return signer.verify(token)
          }
        }))
    }))
    const token = forge(localSigner, { claims: { nbf: now, list: [1] } })
    const first = await tokens.verify(token)
    const before = asked()
    t.throws(() => (first.claims.list as number[]).push(2), TypeError, 'one request cannot change')
    t.strictSame((await tokens.verify(token)).claims, { ...goodClaims, nbf: now, list: [1] }, 'what the next one gets')
    t.strictSame([verified, asked() - before], [1, 1], 'a hit costs no signature, and asks the clock once')

    clock.advance(-6)
    t.strictSame(
      await outcome(() => tokens.verify(token)),
      refused('iat is in the future'),
      'iat counts on a hit, where the clock was set back: the token is checked as if it were new'
    )
    clock.advance(6)
    const postdated = forge(localSigner, { claims: { iat: now - 100, nbf: now } })
    t.strictSame(await outcome(() => tokens.verify(postdated)), 'accepted')
    clock.advance(-6)
    t.strictSame(
      await outcome(() => tokens.verify(postdated)),
      refused('nbf is in the future'),
      'nbf counts where it is later than iat'
    )
    clock.advance(6)
    const undated = forge(localSigner, { claims: { nbf: undefined } })
    t.strictSame(await outcome(() => tokens.verify(undated)), 'accepted')
    clock.advance(-6)
    t.strictSame(await outcome(() => tokens.verify(undated)), refused('iat is in the future'), 'and without nbf')
    clock.advance(6)
    verified = 2
    clock.set((now + 600) * 1000 - 1)
    t.strictSame(await outcome(() => tokens.verify(token)), 'accepted')
    t.equal(verified, 2, 'and was kept')
    clock.set((now + 600) * 1000)
    t.strictSame(await outcome(() => tokens.verify(token)), expired, 'exp counts on a hit')
    t.strictSame(await outcome(() => tokens.verify(token)), expired)
    t.equal(verified, 4, 'and the token is forgotten')

    for (const refusedToken of [
      forge(stranger, { header: { kid: localSigner.kid } }),
      forge(localSigner, { claims: { sub: '' } }),
      forge(localSigner, { claims: { exp: now } })
    ]) {
      const count = verified
      await outcome(() => tokens.verify(refusedToken))
      await outcome(() => tokens.verify(refusedToken))
      t.equal(verified, count + 2, 'a refused token is never kept')
    }
    const sessionEnded = forge(localSigner, { claims: { exp: now + 700 } })
    const count = verified
    tokens.verifyIgnoringExpiry(tokens.parse(sessionEnded))
    tokens.verifyIgnoringExpiry(tokens.parse(sessionEnded))
    await tokens.verify(sessionEnded)
    t.equal(verified, count + 3, 'verifyExpired() neither reads nor fills the cache')
  }
)

t.test('createTokenCache() keeps at most `size` entries, those that were asked for last', async (t) => {
  /** How many of the first `count` entries are still there; each is asked for in a cache of its own, as asking moves it. */
  function kept(size: number, count: number): number {
    return Array.from({ length: count }, (_, entry) => entry).filter((entry) => {
      const cache = createTokenCache<number>(size)
      for (let other = 0; other < count; other++) cache.set(`${other}`, other)
      return cache.get(`${entry}`) === entry
    }).length
  }

  for (const size of [0, 1, 2, 3, 7, 10]) {
    t.equal(Math.max(...Array.from({ length: 25 }, (_, count) => kept(size, count))), size, `a size of ${size}`)
  }
  const cache = createTokenCache<number>(4)
  for (let entry = 0; entry < 40; entry++) {
    cache.set(`${entry}`, entry)
    t.equal(cache.get('0'), 0, 'what is asked for stays')
  }
  cache.delete('0')
  t.equal(cache.get('0'), undefined)
  cache.clear()
  t.equal(cache.get('39'), undefined)

  const all = ['a', 'b', 'c', 'd']
  const full = createTokenCache<number>(all.length)
  all.forEach((text, index) => full.set(text, index))
  full.clear()
  t.strictSame(
    all.map((text) => full.get(text)),
    [undefined, undefined, undefined, undefined],
    'clear() empties the older half too'
  )
})

t.test('createTokenCache() keeps to its size under a million tokens', async (t) => {
  const size = 1000
  const cache = createTokenCache<number>(size)
  for (let token = 0; token < 1_000_000; token++) cache.set(`header.payload.${token}`, token)
  let kept = 0
  for (let token = 0; token < 1_000_000; token++) if (cache.get(`header.payload.${token}`) !== undefined) kept++
  t.ok(kept > 0 && kept <= size, `${kept} are kept`)
})

t.test('a token that ends like one that is kept is not taken for it', async (t) => {
  const { tokens } = await open()
  const good = forge()
  await tokens.verify(good)
  const [, , signature] = good.split('.')
  const admin = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: localSigner.kid })}.${encode({ ...goodClaims, roles: ['admin'] })}.${signature}`
  t.equal(tokens.fromCache(admin), null)
  t.strictSame(await outcome(() => tokens.verify(admin)), refused('the signature is wrong'))
  t.equal(tokens.fromCache(good)?.claims.sub, 'alice', 'which stays')
})

t.test('a token that differs from a known good one in spare bits alone is refused, RFC 4648 §3.5', async (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const strict = refused('the token is not canonical base64url')
  const ed25519 = generateKeyPairSync('ed25519').privateKey
  const { tokens } = await open({
    keys: [
      { key: ed25519, kid: 'ed', state: 'active' },
      { key: { kty: 'oct', k: encode(secret) }, kid: localSigner.kid, state: 'previous' }
    ]
  })
  /** The same bytes to a lenient decoder: each other value of the bits that mean nothing. */
  const respelt = (segment: string, bits: number) =>
    Array.from(
      { length: 2 ** bits - 1 },
      (_, index) => `${segment.slice(0, -1)}${alphabet[alphabet.indexOf(segment.at(-1)!) + index + 1]}`
    )
  const spareBits = (segment: string) => [0, 6, 4, 2][segment.length % 4]!

  for (const signer of [localSigner, { alg: 'EdDSA', kid: 'ed', key: ed25519 }]) {
    // Of these three payloads, one has no spare bits, one has two, and one has four.
    for (const sub of ['a', 'ab', 'abc']) {
      const good = forge(signer, { claims: { sub } })
      t.equal(await outcome(() => tokens.verify(good)), 'accepted')
      const [header, payload, signed] = good.split('.') as [string, string, string]
      for (const text of respelt(signed, spareBits(signed))) {
        t.strictSame(
          await outcome(() => tokens.verify(`${header}.${payload}.${text}`)),
          strict,
          `${signer.alg}, ${sub}: a signature that ends in ${text.at(-1)}`
        )
      }
      const payloads = respelt(payload, spareBits(payload)).map(
        (text) => `${header}.${text}.${signature(signer, `${header}.${text}`)}`
      )
      for (const token of payloads) {
        t.strictSame(
          await outcome(() => tokens.verify(token)),
          strict,
          `${signer.alg}, ${sub}: a payload, signed as it is`
        )
      }
    }
  }
})

t.test('createHeaders() remembers the last four headers of tokens that verified, and no more', async (t) => {
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

t.test('verify() leaves Error.stackTraceLimit as it was, after a good token and after a bad one', async (t) => {
  const { tokens } = await open({ accessToken: { cacheSize: 0 } })
  const limit = Error.stackTraceLimit
  t.teardown(() => {
    Error.stackTraceLimit = limit
  })
  for (const [what, token] of [
    ['a good token', forge()],
    ['a wrong signature', forge(stranger, { header: { kid: localSigner.kid } })]
  ] as const) {
    Error.stackTraceLimit = 7
    await outcome(() => tokens.verify(token))
    t.equal(Error.stackTraceLimit, 7, what)
  }
})

const named = '__proto__'
/** As JSON.parse() makes it: an own member, which `Object.assign({}, claims)` would turn into a prototype. */
const planted = (value: unknown) => JSON.parse(`{"${named}":${JSON.stringify(value)}}`)

t.test('a claim that is named __proto__ is refused wherever claims are set, at any depth', async (t) => {
  const places: [string, Record<string, unknown>][] = [
    ['at the top', planted({ admin: true })],
    ['with a plain value', planted('x')],
    ['deeper', { profile: { tags: [planted({ admin: true })] } }],
    ['by toJSON', { profile: { toJSON: () => planted(null) } }]
  ]
  let current: Record<string, unknown> = {}
  const server = await createApp({ plugin: { refreshToken: { claims: async () => ({ claims: current }) } } })
  const error = { name: 'TypeError', message: '"claims" must not contain "__proto__", at any depth' }
  const { refresh } = await server.signIn('bearer')
  const store = server.store
  const login = server.app.inject.bind(server.app)
  let claims: Record<string, unknown> = {}
  const second = await createApp({
    plugin: { store },
    after: (app) =>
      app.post('/with-claims', (_request, reply) => reply.signIn({ sub: 'alice', transport: 'bearer', claims }))
  })
  for (const [what, wrong] of places) {
    await t.rejects(server.app.accessTokens.sign({ sub: 'robot', claims: wrong }), error, `sign(): ${what}`)
    claims = wrong
    t.match(
      (await second.app.inject({ method: 'POST', url: '/with-claims' })).json(),
      { statusCode: 500, message: error.message },
      `signIn(): ${what}`
    )
    current = wrong
    t.match(
      (await login({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })).json(),
      { statusCode: 500, message: error.message },
      `refreshToken.claims: ${what}`
    )
  }
  const harmless = {
    text: '"__proto__":{}',
    list: ['__proto__', ':'],
    nested: { proto: { '"__proto__"': 1 } },
    constructor: { prototype: 1 }
  }
  t.match(
    await server.app.accessTokens.verify(await server.app.accessTokens.sign({ sub: 'robot', claims: harmless })),
    harmless,
    'text about it is no such member'
  )
})

t.test(
  'a presented token with a claim that is named __proto__ is refused, whoever signed it, and known or not',
  async (t) => {
    const { app, events } = await createApp()
    const spellings: [string, string][] = [
      ['at the top', '"__proto__":{"roles":["admin"]}'],
      ['with a plain value', '"__proto__":1'],
      ['deeper', '"profile":{"tags":[{"__proto__":{"admin":true}}]}'],
      ['in escapes', '"\\u005f_proto__":{"roles":["admin"]}']
    ]
    for (const [what, member] of spellings) {
      const token = forge(localSigner, { claims: JSON.stringify(goodClaims).replace('{', `{${member},`) })
      for (const time of ['once', 'again']) {
        const response = await app.inject({ url: '/me', headers: bearer(token) })
        t.match(
          summaryOf(response),
          { status: 401, code: 'AUTH_INVALID_TOKEN', challenge: challenges.invalid },
          `${what}, ${time}`
        )
        t.match(events(), [{ type: 'token-refused', detail: 'a claim is named __proto__' }])
      }
    }
    const text = await app.accessTokens.verify(
      forge(localSigner, { claims: { sub: '__proto__', text: '"__proto__":1' } })
    )
    t.equal(text.sub, '__proto__', 'a value is not a name')
  }
)

t.test('a cacheSize of 0 keeps no token', async (t) => {
  let verified = 0
  const { tokens } = await open({ accessToken: { cacheSize: 0 } }, (keyring) => ({
    ...keyring,
    candidates: (hint) =>
      keyring.candidates(hint).map((signer) => ({
        ...signer,
        verify: (token: string) => {
          verified++
          return signer.verify(token)
        }
      }))
  }))
  const token = forge()
  await tokens.verify(token)
  await tokens.verify(token)
  t.equal(verified, 2)
})

t.test('app.accessTokens.sign() makes what RFC 9068 says, and verify() returns its claims', async (t) => {
  const { app } = await createApp({ plugin: { audience: ['app', 'web'] } })
  const token = await app.accessTokens.sign({
    sub: 'robot',
    scope: 'a b',
    claims: { tier: 'gold', roles: ['x'] },
    lifetimeSeconds: 30
  })
  const { jti, ...claims } = decode(token, 1)
  t.strictSame(decode(token, 0), { alg: 'HS256', typ: 'at+jwt', kid: localSigner.kid })
  t.strictSame(claims, {
    tier: 'gold',
    roles: ['x'],
    iss: issuer,
    aud: ['app', 'web'],
    sub: 'robot',
    exp: now + 30,
    iat: now,
    scope: 'a b'
  })
  t.match(jti, /^[\w-]{22}$/, '128 random bits')
  t.not(jti, decode(await app.accessTokens.sign({ sub: 'robot' }), 1).jti, 'for each token its own')
  t.strictSame(await app.accessTokens.verify(token), { ...claims, jti })
  t.strictSame(decode(await app.accessTokens.sign({ sub: 'robot', scope: '' }), 1).scope, undefined)
  t.strictSame(
    decode(await app.accessTokens.sign({ sub: 'robot', scope: null as never }), 1).scope,
    undefined,
    'no scope, as stores keep it'
  )
  t.strictSame(decode(await app.accessTokens.sign({ sub: 'robot' }), 1).exp, now + 600)
})

t.test(
  'app.accessTokens.sign() signs with the first of the option `type`, and with at+jwt where any is accepted',
  async (t) => {
    const rows = [
      ['JWT', 'JWT'],
      [['JWT', 'at+jwt'], 'JWT'],
      [false, 'at+jwt']
    ] as const
    for (const [type, typ] of rows) {
      const { app } = await createApp({ plugin: { accessToken: { type } } })
      const token = await app.accessTokens.sign({ sub: 'robot' })
      t.equal(decode(token, 0).typ, typ, JSON.stringify(type))
      t.match(await app.accessTokens.verify(token), { sub: 'robot' })
    }
  }
)

t.test('app.accessTokens.sign() refuses what it could not stand for', async (t) => {
  const tier = Type.Object({ tier: Type.Optional(Type.String()) })
  const { app } = await createApp({ plugin: { accessToken: { claims: tier, maxLifetimeSeconds: 3600 } } })
  const sign = app.accessTokens.sign as (input: unknown) => Promise<string>
  const lifetime = { constructor: RangeError, message: '"lifetimeSeconds" must be a whole number between 1 and 3600' }
  const scope = {
    constructor: TypeError,
    message: '"scope" must be scope tokens separated by one space (RFC 6749 §3.3)'
  }
  const subject = { constructor: TypeError, message: '"sub" must be a non-empty string' }
  const object = { constructor: TypeError, message: '"claims" must be an object' }
  const rows: [Record<string, unknown>, { constructor: unknown; message: string }][] = [
    ...[undefined, '', null, 7, ['alice']].map((sub): (typeof rows)[0] => [{ sub }, subject]),
    ...[0, -1, 1.5, 3601, NaN, Infinity, '60', null].map((lifetimeSeconds): (typeof rows)[0] => [
      { lifetimeSeconds },
      lifetime
    ]),
    ...[' ', 'a  b', ' a', 'a ', 'a"b', 'a\\b', 'ä', 'a\nb', 7, ['a']].map((value): (typeof rows)[0] => [
      { scope: value },
      scope
    ]),
    ...[null, 7, 'text', ['x'], new Date(0), () => {}].map((claims): (typeof rows)[0] => [{ claims }, object]),
    ...['iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'sid', 'scope'].map((name): (typeof rows)[0] => [
      { claims: { [name]: 'x' } },
      { constructor: TypeError, message: `"claims" must not contain "${name}": the plugin sets it` }
    ]),
    [
      { claims: { toJSON: () => ({ sid: 'x' }) } },
      { constructor: TypeError, message: '"claims" must not contain "sid": the plugin sets it' }
    ],
    [
      { claims: { tier: 7 } },
      {
        constructor: TypeError,
        message: 'The claims do not match "accessToken.claims": a token with them would be rejected'
      }
    ]
  ]
  for (const [input, expected] of rows) {
    await t.rejects(sign({ sub: 'robot', ...input }), expected, JSON.stringify(input))
  }
  await t.rejects(
    sign({ sub: 'robot', lifetime: 60 }),
    {
      constructor: TypeError,
      message: 'unknown member "lifetime": expected sub, scope, claims or lifetimeSeconds'
    },
    'a typo'
  )
  t.match(decode(await sign({ sub: 'robot', lifetimeSeconds: 3600 }), 1), { exp: now + 3600 }, 'the longest lifetime')
  t.match(decode(await sign({ sub: 'robot', lifetimeSeconds: 1 }), 1), { exp: now + 1 }, 'and the shortest')
})

t.test(
  'app.accessTokens.sign() refuses a token that nobody could present, and says which claims are large',
  async (t) => {
    const { app } = await createApp()
    const filled = (length: number) =>
      app.accessTokens.sign({
        sub: 'robot',
        claims: { photo: 'x'.repeat(length), tiny: 1, list: [1, 2], gone: undefined }
      })
    const room = Math.floor(((8192 - (await filled(0)).length) * 3) / 4)
    const full = await filled(room)
    t.ok(full.length > 8188 && full.length <= 8192, `a token of ${full.length} bytes`)
    t.match(await app.accessTokens.verify(full), { sub: 'robot' }, 'is accepted')
    t.equal((await app.inject({ url: '/me', headers: bearer(full) })).statusCode, 200)

    const error = await filled(room + 3).then(
      () => null,
      (error: AuthError) => error
    )
    t.ok(error instanceof AuthError)
    t.match(error, { code: 'AUTH_TOKEN_TOO_LARGE', statusCode: 500, message: 'The access token is too large' })
    t.equal(
      error?.detail,
      `the token would exceed 8192 bytes. The largest claims: photo (${room + 5} bytes), list (5 bytes), tiny (1 bytes)`
    )
    t.notMatch(JSON.stringify(error), 'photo', 'the detail stays out of what is serialized')
    await t.rejects(app.accessTokens.sign({ sub: 'x'.repeat(8192) }), {
      code: 'AUTH_TOKEN_TOO_LARGE',
      detail: 'the token would exceed 8192 bytes. The application set no claims'
    })
  }
)

t.test('app.accessTokens.verify() takes nothing but text', async (t) => {
  const { app } = await createApp()
  const token = await app.accessTokens.sign({ sub: 'robot' })
  for (const value of [undefined, null, 7, Buffer.from(token), [token], { token }, Object(token)]) {
    await t.rejects(app.accessTokens.verify(value as string), {
      constructor: AuthError,
      code: 'AUTH_INVALID_TOKEN',
      detail: 'the token must be a string'
    })
  }
})

t.test('app.accessTokens.revoke() ends one token by its jti, until its exp', async (t) => {
  const { app, clock } = await createApp()
  const token = await app.accessTokens.sign({ sub: 'robot' })
  const other = await app.accessTokens.sign({ sub: 'robot' })
  const { jti, exp } = await app.accessTokens.verify(token)
  const revoke = app.accessTokens.revoke as (jti: unknown, exp: unknown) => Promise<void>
  for (const wrong of [undefined, null, '', 7]) {
    await t.rejects(revoke(wrong, exp), {
      constructor: TypeError,
      message: '"jti" must be a string of 1 to 256 characters'
    })
  }
  for (const wrong of ['a\0b', 'a\ud800']) {
    await t.rejects(revoke(wrong, exp), {
      constructor: TypeError,
      message: '"jti" must be well-formed Unicode without U+0000'
    })
  }
  for (const wrong of [undefined, null, NaN, Infinity, 1.5, '1', now + 86_401]) {
    await t.rejects(revoke(jti, wrong), {
      constructor: RangeError,
      message: '"exp" must be whole seconds since the epoch, within "accessToken.maxLifetimeSeconds" from now'
    })
  }
  t.match(await app.accessTokens.verify(token), { jti }, 'none of these has ended it')
  await revoke(jti, exp)
  await t.rejects(app.accessTokens.verify(token), {
    code: 'AUTH_REVOKED_TOKEN',
    detail: 'the token or its session was revoked'
  })
  t.strictSame(summaryOf(await app.inject({ url: '/me', headers: bearer(token) })), {
    status: 401,
    code: 'AUTH_REVOKED_TOKEN',
    challenge: challenges.revoked,
    cookies: [],
    cacheControl: null
  })
  t.match(await app.accessTokens.verify(other), { sub: 'robot' }, 'another token lives')
  const respelled = forge(localSigner, { claims: JSON.stringify(decode(token, 1), null, 1) })
  await t.rejects(
    app.accessTokens.verify(respelled),
    { code: 'AUTH_REVOKED_TOKEN' },
    'the same token in other bytes is revoked too'
  )
  await revoke('at the latest', now + 86_400)
  clock.advance(600)
  await t.rejects(app.accessTokens.verify(token), { code: 'AUTH_EXPIRED_TOKEN' }, 'from then on it has expired')
})
