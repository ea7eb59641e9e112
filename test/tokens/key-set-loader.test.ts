import t, { type Test } from 'tap'
import type { IssuerFetch } from '../../plugin/options/trusted-issuers.ts'
import { audience, createVerifier, json, makeKey, startIssuer, text, tokenOf } from '../fixtures/issuer.ts'
import { accepted, createTrusting, present, trusting, unavailable } from '../fixtures/trusting-app.ts'
import { summaryOf } from '../fixtures/app.ts'

const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')
const url = 'https://idp.example.com'

/** `AbortSignal.timeout()` returns this signal: the deadline passes when the test says so. */
function interceptDeadline(t: Test) {
  const controller = new AbortController()
  t.intercept(AbortSignal, 'timeout', { value: () => controller.signal })
  return () => controller.abort(new DOMException('too late', 'TimeoutError'))
}

t.test('a function as jwks is called by the rules of a fetch: once in 3 minutes, and for an unknown kid', async (t) => {
  let calls = 0
  let keys: unknown[] = [rsa.jwk]
  const jwks = async () => {
    calls++
    return { keys: keys as [] }
  }
  const { outcome, advance } = await createVerifier([{ issuer: url, audience, algorithms: ['RS256', 'ES256'], jwks }])
  let jti = 0
  const call = (by = rsa) => outcome(tokenOf(url, by, { claims: { jti: String(jti++) } }))
  t.strictSame([...new Set(await Promise.all(Array.from({ length: 100 }, () => call())))], ['accepted'])
  t.equal(calls, 1, 'a hundred requests share one call')
  keys = [rsa.jwk, ec.jwk]
  advance(29)
  t.strictSame([await call(ec), calls], ['AUTH_INVALID_TOKEN', 1], 'an unknown kid, within the cooldown')
  advance(1)
  t.strictSame([await call(ec), calls], ['accepted', 2], 'an unknown kid, after the cooldown')
  keys = [ec.jwk]
  advance(10 * 60)
  t.strictSame([await call(), calls], ['AUTH_INVALID_TOKEN', 3], 'a key that was withdrawn')
})

t.test('a function as jwks that fails or returns anything else causes 503, and its message is not shown', async (t) => {
  const secret = Object.assign(new Error('password hunter2'), { code: 'ECONNREFUSED' })
  const circular: unknown[] = []
  circular.push({ circular })
  // eslint-disable-next-line prefer-promise-reject-errors -- an application can do this
  const rejectText = () => Promise.reject('hunter2')
  const rows: [string, () => Promise<unknown>, RegExp][] = [
    ['an error with a code', () => Promise.reject(secret), /: "jwks" threw Error \(ECONNREFUSED\)$/],
    ['an error', () => Promise.reject(new TypeError('hunter2')), /: "jwks" threw TypeError$/],
    ['another value', rejectText, /: "jwks" threw a value that is not an Error$/],
    [
      'an error that is thrown',
      () => {
        throw new RangeError('hunter2')
      },
      /: "jwks" threw RangeError$/
    ],
    ['nothing', async () => undefined, /cannot parse the JWK Set as JSON$/],
    ['null', async () => null, /the JWK Set is malformed$/],
    ['a list', async () => [rsa.jwk], /the JWK Set is malformed$/],
    ['a key that is null', async () => ({ keys: [rsa.jwk, null] }), /the JWK Set is malformed$/],
    ['text', async () => JSON.stringify({ keys: [rsa.jwk] }), /the JWK Set is malformed$/],
    ['a circle', async () => ({ keys: circular }), /"jwks" threw TypeError$/],
    ['over 512 KiB', async () => ({ keys: [{ ...rsa.jwk, x: 'x'.repeat(512 * 1024) }] }), /exceeds 524288 characters$/]
  ]
  for (const [what, jwks, detail] of rows) {
    const { call, events } = await createTrusting(t, {
      issuer: url,
      audience,
      algorithms: ['RS256'],
      jwks: jwks as () => Promise<{ keys: [] }>
    })
    t.strictSame(summaryOf(await call(tokenOf(url, rsa))), unavailable, what)
    t.match(events(), [{ type: 'token-refused', code: 'AUTH_KEYS_UNAVAILABLE', detail }], what)
  }
})

t.test('a function as jwks that never returns delays no request beyond the deadline', async (t) => {
  const pass = interceptDeadline(t)
  const { outcome } = await createVerifier([
    { issuer: url, audience, algorithms: ['RS256'], jwks: () => new Promise(() => {}) }
  ])
  const waiting = outcome(tokenOf(url, rsa))
  pass()
  t.equal(await waiting, 'AUTH_KEYS_UNAVAILABLE')
})

t.test('a private key among those of a function as jwks is ignored', async (t) => {
  const { outcome } = await createVerifier([
    { issuer: url, audience, algorithms: ['RS256', 'ES256'], jwks: async () => ({ keys: [rsa.privateJwk, ec.jwk] }) }
  ])
  t.equal(await outcome(tokenOf(url, rsa)), 'AUTH_INVALID_TOKEN')
  t.equal(await outcome(tokenOf(url, ec)), 'accepted')
})

t.test('a fetch of the application receives every request, and the global one none', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const asked: unknown[] = []
  const throughProxy: IssuerFetch = async (address, { signal, ...init }) => {
    asked.push([address, init, signal instanceof AbortSignal])
    return await fetch(address.replace(url, idp.url), { ...init, signal })
  }
  idp.responses.discovery = json({ issuer: url, jwks_uri: `${url}/jwks` })
  const { call } = await createTrusting(t, { issuer: url, audience, algorithms: ['RS256'], fetch: throughProxy })
  t.strictSame(summaryOf(await call(tokenOf(url, rsa))), accepted)
  const init = { redirect: 'manual', headers: { accept: 'application/json, application/jwk-set+json' } }
  t.strictSame(asked, [
    [`${url}/.well-known/openid-configuration`, init, true],
    [`${url}/jwks`, init, true]
  ])
})

async function* failWith(reason: unknown): AsyncGenerator<Uint8Array> {
  yield Buffer.from('{')
  throw reason
}

t.test(
  'the limits hold for a fetch that ignores them: redirects, size, status; its message is not shown',
  async (t) => {
    const set = JSON.stringify({ keys: [rsa.jwk] })
    const responding =
      (body: AsyncIterable<unknown> | null, more = {}) =>
      async () => ({ status: 200, body, ...more })
    async function* endless() {
      for (;;) yield ' '.repeat(1024)
    }
    const inParts = [Buffer.from(set.slice(0, 9)), set.slice(9)]
    const following: IssuerFetch = (address, init) => fetch(address, { ...init, redirect: 'follow' })
    const failing = async (): Promise<never> => {
      throw new TypeError('fetch failed for user:hunter2@proxy', { cause: { code: 'ECONNREFUSED' } })
    }
    const rows: [string, IssuerFetch, RegExp | null][] = [
      [
        'a body of texts and bytes',
        responding(
          (async function* () {
            yield* inParts
          })()
        ),
        null
      ],
      ['a body without end', responding(endless()), /exceeds 524288 bytes$/],
      ['no body', responding(null), /as JSON$/],
      ['another status', responding(endless(), { status: 500 }), /unexpected status 500$/],
      ['a redirect that was followed', following, /"fetch" followed a redirect$/],
      ['a failure', failing, /"fetch" threw TypeError \(ECONNREFUSED\)$/],
      [
        'a failure that is thrown',
        () => {
          throw new RangeError('hunter2')
        },
        /"fetch" threw RangeError$/
      ],
      ['nothing', (async () => undefined) as never, /cannot fetch the keys/],
      ...[null, undefined, 'hunter2'].map((reason): [string, IssuerFetch, RegExp] => [
        `a body that fails with ${reason}`,
        async () => ({ status: 200, body: ReadableStream.from(failWith(reason)) }),
        /: a value that is not an Error was thrown$/
      ])
    ]
    for (const [what, fetch, detail] of rows) {
      const idp = await startIssuer(t, [rsa.jwk])
      idp.responses.jwks = text('', 302, { location: '/elsewhere' })
      const option = trusting(idp, { fetch })
      const expected = detail === null ? accepted : unavailable
      await present(t, idp, { option, token: tokenOf(idp.url, rsa), expected, detail: detail ?? undefined, what })
    }
  }
)

t.test('a fetch that never responds, and ignores the signal, delays no request beyond the deadline', async (t) => {
  const pass = interceptDeadline(t)
  const silent = (async function* () {
    await new Promise(() => {})
    yield ''
  })()
  const hanging: IssuerFetch[] = [() => new Promise(() => {}), async () => ({ status: 200, body: silent })]
  for (const fetch of hanging) {
    const { outcome } = await createVerifier([{ issuer: url, audience, algorithms: ['RS256'], fetch }])
    const waiting = outcome(tokenOf(url, rsa))
    pass()
    t.equal(await waiting, 'AUTH_KEYS_UNAVAILABLE')
  }
})
