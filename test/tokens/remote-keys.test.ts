import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createVerifier, json, jwks, makeKey, startIssuer, text, tokenOf, type Respond } from '../fixtures/issuer.ts'
import { now } from '../fixtures/tokens.ts'
import { present, trusting, unavailable } from '../fixtures/trusting-app.ts'

// Many small servers need more time on a busy machine.
t.setTimeout(600_000)

const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')
const minute = 60
const endless: Respond = (response) => {
  const more = () => {
    while (response.writable && response.write('{"keys":['.padEnd(65_536)));
  }
  response.writeHead(200).on('drain', more)
  more()
}

const broken: Respond = (response) => {
  response.writeHead(200, { 'content-length': 1000 })
  response.write('{"keys":', () => response.destroy())
}

t.test('fetchBounded() and RemoteKeys reject a response that is not a JWK Set with 503 and a reason', async (t) => {
  const rows: [string, Respond, RegExp][] = [
    ['500', json({ keys: [rsa.jwk] }, 500), /unexpected status 500/],
    ['404', text('', 404), /unexpected status 404/],
    ['201', json({ keys: [rsa.jwk] }, 201), /unexpected status 201/],
    ['204', text('', 204), /unexpected status 204/],
    ['a redirect to a good set', text('', 302, { location: '/good' }), /unexpected status 302/],
    ['another redirect', text('', 308, { location: 'http://169.254.169.254/' }), /unexpected status 308/],
    ['nothing', text(''), /as JSON/],
    ['a page', text('<html>', 200, { 'content-type': 'text/html' }), /as JSON/],
    ['a truncated set', text('{"keys":['), /as JSON/],
    ['a response that breaks off', broken, /terminated|cannot fetch/],
    ['an object without keys', json({ rsa: rsa.jwk }), /malformed/],
    ['a key alone', json(rsa.jwk), /malformed/],
    ['a list', json([rsa.jwk]), /malformed/],
    ['null', json(null), /malformed/],
    ['keys that are not a list', json({ keys: { rsa: rsa.jwk } }), /malformed/],
    ['a key that is null', jwks(rsa.jwk, null), /malformed/],
    ['a set that is nested deep', text(`{"keys":[${'{"x":['.repeat(80_000)}${']}'.repeat(80_000)}]}`), /cannot fetch/],
    ['over 512 KiB', text(JSON.stringify({ keys: [rsa.jwk] }).padEnd(512 * 1024 + 1)), /exceeds 524288 bytes/],
    ['without end', endless, /exceeds 524288 bytes/]
  ]
  for (const [what, respond, detail] of rows) {
    const idp = await startIssuer(t, [rsa.jwk])
    idp.responses.jwks = respond
    await present(t, idp, {
      option: trusting(idp),
      token: tokenOf(idp.url, rsa),
      expected: unavailable,
      detail,
      what
    })
    t.equal(idp.fetches.elsewhere, 0, `${what}: followed nowhere`)
  }
  const down = await startIssuer(t)
  down.close()
  await present(t, down, {
    option: trusting(down),
    token: tokenOf(down.url, rsa),
    expected: unavailable,
    detail: /ECONNREFUSED/,
    what: 'down'
  })
})

/** Replaces `AbortSignal.timeout()`: a deadline passes only when the test says so. */
function interceptDeadlines(t: Test) {
  const deadlines: { ms: number; pass(): void }[] = []
  t.intercept(AbortSignal, 'timeout', {
    value(ms: number) {
      const controller = new AbortController()
      deadlines.push({ ms, pass: () => controller.abort(new DOMException('too late', 'TimeoutError')) })
      return controller.signal
    }
  })
  return deadlines
}

/** A response that never ends. `reached` resolves when the request has arrived. */
function hanging(start: Respond = () => {}) {
  let called = (): void => {}
  const reached = new Promise<void>((resolve) => {
    called = resolve
  })
  const respond: Respond = (response) => {
    start(response)
    called()
  }
  return { respond, reached }
}

t.test('RemoteKeys.get() has one deadline for discovery and keys, and all requests share it', async (t) => {
  const half: Respond = (response) => {
    response.writeHead(200).write('{"keys":[')
  }
  const rows: [string, 'discovery' | 'jwks', Respond | undefined, number][] = [
    ['silent keys', 'jwks', undefined, 1],
    ['keys that break off', 'jwks', half, 1],
    ['silent discovery', 'discovery', undefined, 0]
  ]
  const deadlines = interceptDeadlines(t)
  for (const [what, kind, start, keyFetches] of rows) {
    const idp = await startIssuer(t, [rsa.jwk])
    const { respond, reached } = hanging(start)
    idp.responses[kind] = respond
    const { outcome } = await createVerifier([trusting(idp, { jwksUri: undefined })], 500)
    deadlines.length = 0
    const outcomes = Promise.all(Array.from({ length: 50 }, () => outcome(tokenOf(idp.url, rsa))))
    await reached
    t.equal(deadlines[0]?.ms, 500, `${what}: the first deadline`)
    deadlines[0]?.pass()
    t.strictSame([...new Set(await outcomes)], ['AUTH_KEYS_UNAVAILABLE'], what)
    t.strictSame([idp.fetches.discovery, idp.fetches.jwks], [1, keyFetches], `${what}: by one fetch`)
  }
})

t.test('RemoteKeys joins concurrent fetches; 1,000 random kids cause at most one fetch per cooldown', async (t) => {
  const idp = await startIssuer(t, [ec.jwk])
  const { outcome, advance } = await createVerifier([trusting(idp)])
  const thousand = (make: () => string) => Array.from({ length: 1000 }, make)
  const good = thousand(() => tokenOf(idp.url, ec, { claims: { jti: randomUUID() } }))
  const random = thousand(() => tokenOf(idp.url, { ...ec, kid: randomUUID() }))
  const all = async (tokens: string[]) => [...new Set(await Promise.all(tokens.map((token) => outcome(token))))]

  t.strictSame(await all(good), ['accepted'])
  t.equal(idp.fetches.jwks, 1, 'a thousand first requests share a fetch')
  t.strictSame(await all(random), ['AUTH_INVALID_TOKEN'])
  t.equal(idp.fetches.jwks, 1, 'the set is new')
  advance(29.9)
  t.strictSame(await all(random), ['AUTH_INVALID_TOKEN'])
  t.equal(idp.fetches.jwks, 1, 'before the cooldown')
  advance(0.1)
  t.strictSame(await all(random), ['AUTH_INVALID_TOKEN'])
  t.equal(idp.fetches.jwks, 2, 'after the cooldown')
  for (const token of random) await outcome(token)
  t.equal(idp.fetches.jwks, 2, 'one by one')

  idp.responses.jwks = jwks(rsa.jwk, ec.jwk)
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'AUTH_INVALID_TOKEN', 'a new key, within the cooldown')
  advance(30)
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'accepted', 'a new key, after the cooldown')
  t.equal(idp.fetches.jwks, 3)

  idp.responses.jwks = text('', 500)
  advance(30)
  t.strictSame(await all(random), ['AUTH_KEYS_UNAVAILABLE'], 'the key may exist')
  t.strictSame(await all(good), ['accepted'], 'cached tokens are still accepted')
  t.strictSame(await all(random), ['AUTH_KEYS_UNAVAILABLE'])
  t.equal(idp.fetches.jwks, 4, 'a failure has a cooldown')
  advance(5)
  await all(random)
  t.equal(idp.fetches.jwks, 5, 'the cooldown is five seconds')
})

t.test('RemoteKeys retries a failed first fetch after a cooldown, until one succeeds', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const good = idp.responses.jwks
  idp.responses.jwks = text('', 500)
  const { outcome, advance } = await createVerifier([trusting(idp)])
  for (const [after, fetches] of [
    [0, 1],
    [0, 1],
    [4.9, 1],
    [0.1, 2],
    [5, 3]
  ] as const) {
    advance(after)
    t.equal(await outcome(tokenOf(idp.url, rsa)), 'AUTH_KEYS_UNAVAILABLE')
    t.equal(idp.fetches.jwks, fetches)
  }
  idp.responses.jwks = good
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'AUTH_KEYS_UNAVAILABLE', 'within the cooldown')
  advance(5)
  t.equal(await outcome(tokenOf(idp.url, rsa)), 'accepted')
})

t.test('RemoteKeys uses a cached set during a refetch, and for a day while the endpoint is unreachable', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const good = idp.responses.jwks
  const { outcome, advance } = await createVerifier([trusting(idp, { maxLifetimeSeconds: 2 * 86_400 })], 500)
  let jti = 0
  const call = () => outcome(tokenOf(idp.url, rsa, { claims: { jti: String(jti++), exp: now + 2 * 86_400 } }))
  t.equal(await call(), 'accepted')
  advance(3 * minute - 1)
  t.equal(await call(), 'accepted')
  t.equal(idp.fetches.jwks, 1, 'the set is fresh')

  let release = (): void => {}
  const fetched = new Promise<void>((resolve) => {
    idp.responses.jwks = (response) => {
      release = () => good(response)
      resolve()
    }
  })
  advance(1)
  t.equal(await call(), 'accepted', 'the request does not wait for the new set')
  await fetched
  t.equal(await call(), 'accepted')
  t.equal(idp.fetches.jwks, 2, 'the new set is fetched once')
  release()
  t.equal(
    await outcome(tokenOf(idp.url, { ...rsa, kid: 'unknown' })),
    'AUTH_INVALID_TOKEN',
    'a token that needs the new set waits for it'
  )
  t.equal(idp.fetches.jwks, 2)

  idp.close()
  advance(1)
  t.equal(await call(), 'accepted', 'the endpoint is unreachable')
  advance(10 * minute)
  t.equal(await call(), 'accepted', 'the old set is used after a failed fetch')
  for (let hour = 0; hour < 23; hour++) {
    advance(60 * minute)
    t.equal(await call(), 'accepted', `after ${hour + 1} hours`)
  }
  advance(45 * minute)
  t.equal(await call(), 'accepted')
  advance(10 * minute)
  t.equal(await call(), 'AUTH_KEYS_UNAVAILABLE', 'after a day')
})

t.test('RemoteKeys.get() uses a cached set without waiting again while the endpoint hangs', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const deadlines = interceptDeadlines(t)
  const { outcome, advance } = await createVerifier([trusting(idp)])
  let jti = 0
  const call = () => outcome(tokenOf(idp.url, rsa, { claims: { jti: String(jti++) } }))
  await call()
  deadlines.length = 0
  const first = hanging()
  idp.responses.jwks = first.respond
  advance(6 * minute)
  const waiting = call()
  await first.reached
  deadlines[0]?.pass()
  t.equal(await waiting, 'accepted', 'the first request after a long silence waits until the deadline')
  const second = hanging()
  idp.responses.jwks = second.respond
  advance(5)
  t.equal(await call(), 'accepted', 'the next one does not wait for the fetch, whose deadline never passes')
  await second.reached
  t.equal(idp.fetches.jwks, 3)
})

t.test('RemoteKeys drops a withdrawn key within 10 minutes, for cached tokens and after idle time too', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk, ec.jwk])
  const { outcome, advance, now: elapsed } = await createVerifier([trusting(idp)])
  const tokens = [{}, { jti: 'other' }].map((claims) =>
    tokenOf(idp.url, rsa, { claims: { ...claims, exp: now + 86_400 } })
  )
  t.equal(await outcome(tokens[0]!), 'accepted')
  idp.responses.jwks = jwks(ec.jwk)
  let last = 0
  while (elapsed() < 20 * minute) {
    advance(10)
    for (const token of tokens) if ((await outcome(token)) === 'accepted') last = elapsed()
  }
  t.ok(last > 0 && last < 10 * minute, `accepted for the last time after ${last} s`)

  idp.responses.jwks = jwks(rsa.jwk, ec.jwk)
  advance(10 * minute)
  t.equal(await outcome(tokens[0]!), 'accepted')
  idp.responses.jwks = jwks(ec.jwk)
  advance(60 * minute)
  t.equal(await outcome(tokens[0]!), 'AUTH_INVALID_TOKEN', 'the old set is not used first')
})
