import { setImmediate } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { AuthError } from '../../plugin/index.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import type { FoundIssuer } from '../../plugin/tokens/issuer-source.ts'
import { noTrustedIssuers } from '../../plugin/tokens/trusted-issuers.ts'
import { createLocalTokens, expired, outcomeOf, reasonIn, refused, stranger } from '../fixtures/local-tokens.ts'
import { challenges, createApp, createClock, issuer, secret, summaryOf } from '../fixtures/app.ts'
import { encode, fixedKeys, forge, goodClaims, localKeyring, localSigner, now, signature } from '../fixtures/tokens.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** A token being written. Each fault changes one part of it and leaves every other part alone. */
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
  const signed = signature({ alg: 'HS256', key: draft.key }, `${header}.${claims}`)
  return `${header}.${claims}.${draft.signatureText(signed)}${draft.more}`
}

const append = (byte: string) => (json: Buffer) => Buffer.concat([json, Buffer.from(byte, 'latin1')])
const inList = (json: Buffer) => Buffer.from(`[${json}]`)
const misspelt = (text: string) => `${text}+`
const padded = (text: string) => `${text}=`

/** In the order of the checks: the fault, its part (faults in one part exclude each other) and the detail. */
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
    name: 'a header with a +',
    at: 'headerText',
    change: (draft) => {
      draft.headerText = misspelt
    },
    detail: 'the header is not canonical base64url'
  },
  {
    name: 'a header that is not UTF-8',
    at: 'headerBytes',
    change: (draft) => {
      draft.headerBytes = append('\xff')
    },
    detail: 'the header is not UTF-8'
  },
  {
    name: 'a header that is not JSON',
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
    name: 'a payload with a +',
    at: 'claimsText',
    change: (draft) => {
      draft.claimsText = misspelt
    },
    detail: 'the payload is not canonical base64url'
  },
  {
    name: 'a payload that is not UTF-8',
    at: 'claimsBytes',
    change: (draft) => {
      draft.claimsBytes = append('\xc3')
    },
    detail: 'the payload is not UTF-8'
  },
  {
    name: 'a payload that is not JSON',
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
    detail: 'iss is not the expected issuer'
  },
  {
    name: 'a foreign aud',
    at: 'aud',
    change: ({ claims }) => {
      claims.aud = 'https://other.example'
    },
    detail: 'aud must name an accepted audience'
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
    name: 'a long lifetime',
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
    name: 'a claim against the schema',
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
    const problem = await app.accessTokens.verify(token).then(
      () => null,
      (error: AuthError) => error
    )
    t.ok(problem instanceof AuthError, name)
    t.strictSame([problem!.code, reasonIn(problem!)], [code, detail], `${name}: alone`)
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
    t.notMatch(response.body, detail, `${name}: the response does not contain the detail`)
    t.match(
      events(),
      [{ type: 'token-refused', code: tooLarge ? 'AUTH_MALFORMED_CREDENTIALS' : code, detail, source: 'header' }],
      `${name}: the event contains the detail`
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
    if (!error || reasonIn(error) !== first.detail) {
      disorder.push(`${first.name}, then ${second.name}: ${error?.detail}`)
    }
  }
  t.strictSame(disorder, [], `the first of two faults is reported (${pairs.length} pairs)`)
})

t.test(
  'verify() of a cached token reads the clock but checks no signature, and returns the same frozen claims',
  async (t) => {
    const { tokens, clock, counts } = await createLocalTokens()
    const token = forge(localSigner, { claims: { nbf: now, list: [1] } })
    const first = await tokens.verify(token)
    const before = counts.clockReads
    t.throws(() => (first.claims.list as number[]).push(2), TypeError, 'a request cannot change the claims')
    t.strictSame(
      (await tokens.verify(token)).claims,
      { ...goodClaims, nbf: now, list: [1] },
      'the next request gets the same claims'
    )
    t.strictSame(
      [counts.signatureChecks, counts.clockReads - before],
      [1, 1],
      'a hit checks no signature and reads the clock once'
    )

    clock.advance(-6)
    t.strictSame(
      await outcomeOf(() => tokens.verify(token)),
      refused('iat is in the future'),
      'a hit compares iat: if the clock was set back, the token is verified again'
    )
    clock.advance(6)
    const postdated = forge(localSigner, { claims: { iat: now - 100, nbf: now } })
    t.strictSame(await outcomeOf(() => tokens.verify(postdated)), 'accepted')
    clock.advance(-6)
    t.strictSame(
      await outcomeOf(() => tokens.verify(postdated)),
      refused('nbf is in the future'),
      'a hit compares nbf if it is later than iat'
    )
    clock.advance(6)
    const undated = forge(localSigner, { claims: { nbf: undefined } })
    t.strictSame(await outcomeOf(() => tokens.verify(undated)), 'accepted')
    clock.advance(-6)
    t.strictSame(await outcomeOf(() => tokens.verify(undated)), refused('iat is in the future'), 'without nbf too')
    clock.advance(6)
    counts.signatureChecks = 2
    clock.set((now + 600) * 1000 - 1)
    t.strictSame(await outcomeOf(() => tokens.verify(token)), 'accepted')
    t.equal(counts.signatureChecks, 2, 'the token is still cached')
    clock.set((now + 600) * 1000)
    t.strictSame(await outcomeOf(() => tokens.verify(token)), expired, 'a hit compares exp')
    t.strictSame(await outcomeOf(() => tokens.verify(token)), expired)
    t.equal(counts.signatureChecks, 4, 'the expired token is not cached')

    for (const refusedToken of [
      forge(stranger, { header: { kid: localSigner.kid } }),
      forge(localSigner, { claims: { sub: '' } }),
      forge(localSigner, { claims: { exp: now } })
    ]) {
      const count = counts.signatureChecks
      await outcomeOf(() => tokens.verify(refusedToken))
      await outcomeOf(() => tokens.verify(refusedToken))
      t.equal(counts.signatureChecks, count + 2, 'a refused token is never cached')
    }
    const sessionEnded = forge(localSigner, { claims: { exp: now + 700 } })
    const count = counts.signatureChecks
    tokens.verifyIgnoringExpiry(tokens.parse(sessionEnded))
    tokens.verifyIgnoringExpiry(tokens.parse(sessionEnded))
    await tokens.verify(sessionEnded)
    t.equal(counts.signatureChecks, count + 3, 'verifyIgnoringExpiry() neither reads nor fills the cache')
  }
)

t.test('createVerifiedTokens() with a cacheSize of 0 keeps no token', async (t) => {
  const { tokens, counts } = await createLocalTokens({ accessToken: { cacheSize: 0 } })
  const token = forge()
  await tokens.verify(token)
  await tokens.verify(token)
  t.equal(counts.signatureChecks, 2)
})

t.test('sessionIdOf() refuses a token of another issuer as invalid, though its key is ours', async (t) => {
  const { tokens } = await createLocalTokens()
  const sessionIdOf = (claims: object) =>
    tokens.sessionIdOf(tokens.parse(forge(localSigner, { claims: { ...goodClaims, ...claims } })))
  t.equal(await sessionIdOf({ sid: 'session' }), 'session')
  t.strictSame(
    await outcomeOf(() => sessionIdOf({ sid: 'session', iss: 'https://other.example' })),
    refused('iss is not the expected issuer')
  )
})

t.test('sessionIdOf() reads the session of a token until no access token of it can be valid', async (t) => {
  const { tokens } = await createLocalTokens({ accessToken: { maxLifetimeSeconds: 3600 } })
  const sid = 'session'
  const rows: [claims: object, expected: unknown][] = [
    [{ sid }, sid],
    [{ sid, exp: now - 3600 }, sid],
    [{ sid, exp: now - 3601 }, null],
    [{}, null],
    [{ sid: 7 }, refused('sid must be a string')],
    [{ sid: null }, refused('sid must be a string')],
    [{ sid, exp: now + 0.5 }, refused('exp must be an integer')],
    [{ sid, exp: undefined }, refused('exp must be an integer')]
  ]
  for (const [claims, expected] of rows) {
    let found: unknown
    const outcome = await outcomeOf(async () => {
      found = await tokens.sessionIdOf(tokens.parse(forge(localSigner, { claims: { ...claims } })))
    })
    t.strictSame(outcome === 'accepted' ? found : outcome, expected, JSON.stringify(claims))
  }
})

t.test('readLocal() reloads the keys for an unknown key of ours, and for no token of another issuer', async (t) => {
  let keyring = localKeyring({ by: 'the secret of last year, 32 bytes' })
  let reloads = 0
  const keys = {
    ...fixedKeys(keyring),
    current: () => keyring,
    async reloadForUnknownKid() {
      reloads++
      await setImmediate()
      keyring = localKeyring()
    }
  }
  const settings = resolveOptions({ issuer, secret, clock: createClock() })
  const tokens = createAccessTokens({ ...settings, matchesSchema: () => true, trustedIssuers: noTrustedIssuers, keys })
  const read = async (claims: object) =>
    (await tokens.readLocal(tokens.parse(forge(localSigner, { claims: { ...claims } }))))?.claims.sub ?? null
  t.strictSame([await read({ iss: 'https://other.example' }), reloads], [null, 0])
  t.strictSame([await read({}), reloads], ['alice', 1])
  t.strictSame([await read({ iat: now - 600, exp: now - 1 }), reloads], ['alice', 1], 'the key is known now')
  t.strictSame([await read({ sub: '' }), reloads], [null, 1], 'a token that is refused is not read')
})

t.test("verify() checks an external issuer's token again after five minutes at most", async (t) => {
  const clock = createClock()
  let checks = 0
  const found = {
    issuer: {
      maxLifetimeSeconds: 900,
      map: () => ({}),
      async check() {
        checks++
        return { ...goodClaims, iss: idp, jti: 'x' }
      }
    },
    recheckMs: () => Infinity
  } as unknown as FoundIssuer
  const trustedIssuers = {
    ...noTrustedIssuers,
    isEmpty: false,
    find: async (iss: unknown) => (iss === idp ? found : null)
  }
  const settings = resolveOptions({ issuer, secret, clock, accessToken: { maxLifetimeSeconds: 3600 } })
  const keys = fixedKeys(localKeyring())
  const tokens = createAccessTokens({ ...settings, matchesSchema: () => true, trustedIssuers, keys })
  const token = forge(localSigner, { claims: { iss: idp } })
  const verify = async () => {
    t.equal((await tokens.verify(token, [idp])).isOwn, false)
    return checks
  }
  t.strictSame([await verify(), await verify()], [1, 1])
  clock.advance(299)
  t.equal(await verify(), 1)
  clock.advance(1)
  t.strictSame([await verify(), await verify()], [2, 2])

  const lifetimes = [issuer, idp, 'https://other.example'].map((name) => tokens.maxLifetimeOf(name))
  t.strictSame(await Promise.all(lifetimes), [3600, 900, null])
})

/** Tokens of a server with one trusted issuer, and the names of the issuers that it looks up. */
function createTrusting({ asks = true } = {}) {
  const found: unknown[] = []
  const trustedIssuers = {
    ...noTrustedIssuers,
    isEmpty: false,
    asks,
    async find(iss: unknown) {
      found.push(iss)
      return null
    }
  }
  const settings = resolveOptions({ issuer, secret, clock: createClock() })
  const keys = fixedKeys(localKeyring())
  return { found, tokens: createAccessTokens({ ...settings, matchesSchema: () => true, trustedIssuers, keys }) }
}

const [idp, foreign] = ['https://idp.example', 'https://other.example']
const claiming = (iss: unknown) => forge(localSigner, { claims: { iss } })

t.test('verifyNow() verifies local tokens with a known key, and leaves any other to be looked up', async (t) => {
  const { tokens } = await createLocalTokens()
  const { tokens: trusting } = createTrusting()
  for (const one of [tokens, trusting]) {
    t.match(one.verifyNow(one.parse(forge())), { claims: { sub: 'alice' } })
    t.equal(one.verifyNow(one.parse(forge({ ...localSigner, kid: 'unknown' }))), null)
  }
  const refusal = tokens.verifyNow(tokens.parse(claiming(idp)))
  t.match(refusal, { code: 'AUTH_INVALID_TOKEN', detail: /^iss is not the expected issuer/ })
  t.equal(trusting.verifyNow(trusting.parse(claiming(idp))), null, 'though its kid is ours')
})

t.test('findIssuers() asks about the issuers that the caller accepts, unless a token claims to be ours', async (t) => {
  const rows: [claimed: unknown[], issuers: readonly string[] | null, found: unknown[]][] = [
    [[idp, foreign], [idp], [idp]],
    [[idp, foreign, idp, 7, undefined], ['trusted'], [idp, foreign]],
    [[idp], null, []],
    [[idp], [], []],
    [[idp, issuer], ['trusted'], []]
  ]
  for (const [claimed, issuers, expected] of rows) {
    for (const asks of [true, false]) {
      const { tokens, found } = createTrusting({ asks })
      await tokens.findIssuers(claimed.map(claiming), issuers)
      t.strictSame(found, asks ? expected : [], `${claimed.join()} for ${issuers}, ${asks}`)
    }
  }
})

t.test('verify() never looks our own issuer up, and names key and issuer if both are unknown', async (t) => {
  const { tokens, found } = createTrusting()
  t.equal((await tokens.verify(forge(), ['trusted'])).isOwn, true)
  t.strictSame(found, [])
  const detailOf = (iss: string) =>
    tokens
      .verify(forge({ ...localSigner, kid: 'unknown' }, { claims: { iss } }))
      .catch((error: AuthError) => error.detail)
  const [ours, theirs] = [await detailOf(issuer), await detailOf(foreign)]
  t.match(theirs, `${String(ours)}; iss is not the expected issuer`)
  t.notMatch(ours, 'iss is not')
})
