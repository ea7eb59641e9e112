// Real providers (`oidc-provider`) as tenants, and over TLS, through a proxy and over plain http, by undici's `fetch`.
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Agent, fetch as undiciFetch, ProxyAgent, type Dispatcher } from 'undici'
import type { AuthenticateOptions, TrustedIssuerOption } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, summaryOf } from '../fixtures/app.ts'
import { makeSigningKey, notes, startIdentityProvider } from '../fixtures/identity-provider.ts'
import type { Certified } from '../fixtures/issuer.ts'
import { certify } from '../fixtures/openssl.ts'
import { accepted, invalid, unavailable } from '../fixtures/trusting-app.ts'

t.setTimeout(120_000)

const loopback = 'IP:127.0.0.1'

function fetchBy(dispatcher: Dispatcher): NonNullable<TrustedIssuerOption['fetch']> {
  return (url, init) => undiciFetch(url, { ...init, dispatcher })
}

/** A provider over https, whose certificate only `dispatcher` trusts. */
async function startPrivate(t: Test, { certified, kid }: { certified: Certified; kid: string }) {
  const dispatcher = new Agent({ connect: { ca: certified.cert } })
  t.teardown(() => dispatcher.close())
  const fetch = ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as never
  return { ...(await startIdentityProvider(t, [makeSigningKey(kid)], { certified, fetch })), dispatcher }
}

/** An API on whose route every trusted issuer is accepted. */
async function createApi(
  t: Test,
  trustedIssuers: NonNullable<AuthenticateOptions['trustedIssuers']>,
  clock = Date.now
) {
  const made = await createApp({
    plugin: { clock, store: memoryStore({ clock }), trustedIssuers },
    after(app) {
      app.get('/theirs', { config: { auth: { issuers: 'trusted' } } }, async ({ auth }) => ({ issuer: auth.issuer }))
    }
  })
  t.teardown(() => made.app.close())
  const get = (token: string) => made.app.inject({ url: '/theirs', headers: { authorization: `Bearer ${token}` } })
  return {
    ...made,
    get,
    async outcome(token: string): Promise<string> {
      const response = await get(token)
      return response.json().issuer ?? response.json().code
    }
  }
}

t.test('two providers are added and removed as tenants while requests run', async (t) => {
  const certified = certify(t.testdir(), 'tenants', loopback)
  const [one, two] = [
    await startPrivate(t, { certified, kid: 'one' }),
    await startPrivate(t, { certified, kid: 'two' })
  ]
  const passed = { ms: 0 }
  const now = performance.now.bind(performance)
  t.intercept(performance, 'now', { value: () => now() + passed.ms })
  const tenants = new Map<string, TrustedIssuerOption>()
  const calls: string[] = []
  const api = await createApi(
    t,
    async (issuer) => {
      calls.push(issuer)
      return tenants.get(issuer) ?? null
    },
    () => Date.now() + passed.ms
  )
  const add = ({ url, dispatcher }: typeof one) =>
    tenants.set(url, { issuer: url, audience: notes, algorithms: ['ES256'], fetch: fetchBy(dispatcher) })
  const tokens = { one: await one.accessToken(), two: await two.accessToken() }
  const outcomes = async () => [await api.outcome(tokens.one), await api.outcome(tokens.two)]

  t.strictSame(await outcomes(), ['AUTH_INVALID_TOKEN', 'AUTH_INVALID_TOKEN'], 'no tenant')
  add(two)
  passed.ms += 60_000
  t.strictSame(await outcomes(), ['AUTH_INVALID_TOKEN', two.url], 'a tenant is added')

  const run = { calls: 0, done: false }
  const refused: string[] = []
  const seen = new Set<string>()
  const pool = await Promise.all(Array.from({ length: 40 }, () => two.accessToken()))
  const keep = async () => {
    while (!run.done) {
      const outcome = await api.outcome(pool[run.calls % pool.length]!)
      if (outcome !== two.url) refused.push(outcome)
      seen.add(await api.outcome(tokens.one))
      run.calls++
      await nextTurn()
    }
  }
  const clients = Array.from({ length: 4 }, keep)
  const past = async (count: number) => {
    const goal = run.calls + count
    while (run.calls < goal) await nextTurn()
    return [...seen]
  }
  await past(10)
  add(one)
  passed.ms += 60_000
  await past(10)
  seen.clear()
  t.strictSame(await past(10), [one.url], 'the other is added while requests run')
  tenants.delete(one.url)
  seen.clear()
  t.strictSame(await past(10), [one.url], 'it is removed: its cached token is accepted for now')
  passed.ms += 300_000
  await past(10)
  seen.clear()
  t.strictSame(await past(10), ['AUTH_INVALID_TOKEN'], 'and refused 5 minutes later')
  run.done = true
  await Promise.all(clients)
  t.strictSame(refused, [], 'no request of the other tenant was refused meanwhile')
  t.ok(run.calls >= 60, `${run.calls} rounds`)

  const before = calls.length
  const invented = (n: number) => {
    const payload = Buffer.from(JSON.stringify({ iss: `https://invented-${n}.example.com` })).toString('base64url')
    return tokens.two.replace(/\.[^.]+\./, `.${payload}.`)
  }
  const statuses: Record<number, number> = {}
  for (let n = 0; n < 10_000; n++) {
    const { statusCode } = await api.get(invented(n))
    statuses[statusCode] = (statuses[statusCode] ?? 0) + 1
    if (n % 1000 === 0) t.equal(await api.outcome(pool[0]!), two.url, 'a known tenant')
  }
  t.match(statuses, { 401: Number, 503: Number })
  t.equal(statuses[401]! + statuses[503]!, 10_000)
  t.ok(calls.length - before <= 600, `${calls.length - before} calls for 10,000 invented issuers`)
  t.equal(await api.outcome(await two.accessToken()), two.url)
})

t.test('a provider with a private CA is reached by a fetch that trusts it, and by no other', async (t) => {
  const folder = t.testdir()
  const certified = certify(folder, 'private', loopback)
  const provider = await startPrivate(t, { certified, kid: 'one' })
  const token = await provider.accessToken()
  const option = { issuer: provider.url, audience: notes, algorithms: ['ES256'] }
  const other = new Agent({ connect: { ca: certify(folder, 'other', loopback).cert } })
  t.teardown(() => other.close())
  const rows: [string, TrustedIssuerOption, object, RegExp | null][] = [
    ['its CA', { ...option, fetch: fetchBy(provider.dispatcher) }, accepted, null],
    ['another CA', { ...option, fetch: fetchBy(other) }, unavailable, /"fetch" threw TypeError \(DEPTH_ZERO_SELF_SIG/],
    ['the global fetch', option, unavailable, /DEPTH_ZERO_SELF_SIGNED_CERT/]
  ]
  for (const [what, trusted, expected, detail] of rows) {
    const { get, events } = await createApi(t, [trusted])
    t.strictSame(summaryOf(await get(token)), expected, what)
    t.match(events(), detail === null ? [] : [{ type: 'token-refused', detail }], what)
  }
  const { get } = await createApi(t, [{ ...option, audience: 'else', fetch: fetchBy(provider.dispatcher) }])
  t.strictSame(summaryOf(await get(token)), invalid, 'a token for another audience')
})

t.test('a provider is reached through a proxy alone', async (t) => {
  const certified = certify(t.testdir(), 'proxied', loopback)
  const provider = await startPrivate(t, { certified, kid: 'one' })
  const tunnels: string[] = []
  const proxy = createServer((_request, response) => response.writeHead(403).end()).on('connect', (request, socket) => {
    tunnels.push(request.url!)
    const [host, port] = request.url!.split(':')
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      target.pipe(socket).pipe(target)
    })
    for (const end of [target, socket]) end.on('error', () => [target, socket].forEach((one) => one.destroy()))
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  const dispatcher = new ProxyAgent({
    uri: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    requestTls: { ca: certified.cert }
  })
  t.teardown(() => dispatcher.close())
  const option = { issuer: provider.url, audience: notes, algorithms: ['ES256'], fetch: fetchBy(dispatcher) }
  const { outcome } = await createApi(t, [option])
  t.equal(await outcome(await provider.accessToken()), provider.url)
  t.strictSame([...new Set(tunnels)], [new URL(provider.url).host])
  t.strictSame(provider.requests, { discovery: 1, jwks: 1 })
})

t.test('a provider over plain http, not on localhost, is accepted only with allowInsecureRequests', async (t) => {
  const provider = await startIdentityProvider(t, [makeSigningKey('one')], { host: '127.0.0.2' })
  t.match(provider.url, /^http:\/\/127\.0\.0\.2:/)
  const option = { issuer: provider.url, audience: notes, algorithms: ['ES256'] }
  await t.rejects(createApi(t, [option]), { message: /"trustedIssuers.0.issuer" must be an https URL/ })
  const { outcome, warnings } = await createApi(t, [{ ...option, allowInsecureRequests: true }])
  t.match(warnings(), [/^The keys of http:\/\/127\.0\.0\.2:\d+ may be fetched over plain http/])
  t.equal(await outcome(await provider.accessToken()), provider.url)
})
