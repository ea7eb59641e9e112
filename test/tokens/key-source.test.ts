import type { JsonWebKey } from 'node:crypto'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { AuthEvent, KeyOption } from '../../plugin/index.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import { createKeySource, type KeySourceParts } from '../../plugin/tokens/key-source.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import { noTrustedIssuers } from '../../plugin/tokens/trusted-issuers.ts'
import { createApp, createClock, issuer, secret } from '../fixtures/app.ts'
import {
  createNamedKey,
  createRotating,
  entry,
  kidOf,
  signerOf,
  type KeyState,
  type NamedKey
} from '../fixtures/rotating-app.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { decode, forge, localSigner } from '../fixtures/tokens.ts'

t.setTimeout(600_000)

const [a, b, c] = [createNamedKey('a'), createNamedKey('b'), createNamedKey('c')]

/** A key source and access tokens without a server. The test moves `monotonic`, and the option `keys` may hang. */
async function createSource(
  keys: KeyOption[] | (() => unknown),
  { timeoutMs, types = ['at+jwt'] }: Partial<Pick<KeySourceParts, 'timeoutMs' | 'types'>> = {}
) {
  const events: AuthEvent[] = []
  const monotonic = createClock(0)
  const settings = resolveOptions({ issuer, secret, clock: createClock() })
  const source = await createKeySource({
    keys: keys as KeySourceParts['keys'],
    keysReloadSeconds: settings.keysReloadSeconds,
    types,
    secrets: readSecrets(secret),
    emit: (event) => events.push(event),
    monotonic,
    timeoutMs
  })
  t.teardown(() => source.close())
  const accessTokens = createAccessTokens({
    ...settings,
    matchesSchema: () => true,
    trustedIssuers: noTrustedIssuers,
    keys: source
  })
  return {
    source,
    monotonic,
    events: () => events.splice(0),
    outcome: (token: string): Promise<string> =>
      accessTokens.verify(token).then(
        () => 'accepted',
        ({ code }) => code
      )
  }
}

t.test(
  'KeySource rotates a key through its states; its tokens, even cached ones, are valid until it is removed',
  async (t) => {
    const { use, sign, me, app, events } = await createRotating([entry(a, 'active')])
    const ofA = [await sign(), await sign()]
    const ofB = forge(signerOf(b))
    const steps: [string, KeyOption[], string, string[], number, number][] = [
      ['b is unknown', [entry(a, 'active')], 'a', ['a'], 200, 401],
      ['b is next', [entry(a, 'active'), entry(b, 'next')], 'a', ['a', 'b'], 200, 200],
      ['b is active', [entry(a, 'previous'), entry(b, 'active'), entry(c, 'next')], 'b', ['a', 'b', 'c'], 200, 200],
      ['a is public only', [{ key: a.publicKey, kid: 'a' }, entry(b, 'active')], 'b', ['a', 'b'], 200, 200],
      ['a is removed', [entry(b, 'active')], 'b', ['b'], 401, 200],
      ['b is previous', [entry(b, 'previous'), entry(c, 'active')], 'c', ['b', 'c'], 401, 200],
      ['b is removed', [entry(c, 'active')], 'c', ['c'], 401, 401]
    ]
    for (const [what, list, signs, published, a, b] of steps) {
      events()
      t.equal(await use(...list), true, what)
      t.strictSame(events(), [{ type: 'keys-reloaded', kids: published }], `${what}: the event`)
      t.equal(kidOf(await sign()), signs, `${what}: ${signs} signs`)
      t.strictSame(
        (await app.inject('/.well-known/jwks.json')).json().keys.map(({ kid }: { kid: string }) => kid),
        published,
        `${what}: the route publishes ${published}`
      )
      for (const token of ofA) t.equal(await me(token), a, `${what}: a's tokens`)
      t.equal(await me(ofB), b, `${what}: b's tokens`)
    }
  }
)

t.test('KeySource.onRetire() clears the whole cache, so that no token of a removed key is accepted', async (t) => {
  const list = { current: [entry(a, 'active')] }
  const { app } = await createApp({ plugin: { keys: async () => list.current, accessToken: { cacheSize: 4 } } })
  const tokens = await Promise.all(Array.from({ length: 4 }, () => app.accessTokens.sign({ sub: 'machine' })))
  const statuses = () =>
    Promise.all(
      tokens.map(
        async (token) => (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode
      )
    )
  t.strictSame(await statuses(), [200, 200, 200, 200])
  list.current = [entry(b, 'active')]
  t.equal(await app.keys.reload(), true)
  t.strictSame(await statuses(), [401, 401, 401, 401])
})

t.test('KeySource rotates under load: valid tokens are accepted, tokens of a removed key are not', async (t) => {
  const { use, sign, me, app } = await createRotating([entry(a, 'active'), entry(b, 'next')])
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const names = new Map([
    [a.kid, a],
    [b.kid, b]
  ])
  const keys = [a, b, ...Array.from({ length: 6 }, (_, index) => createNamedKey(`k${index}`))]
  const call = async (token: string) =>
    (await fetch(`${url}/me`, { headers: { authorization: `Bearer ${token}` } })).status
  const refused: unknown[] = []
  const late: unknown[] = []
  const retired: string[] = []
  const run = { calls: 0, done: false }
  const rounds = Array.from({ length: 16 }, () => 0)

  async function client(_: unknown, index: number): Promise<void> {
    while (!run.done) {
      const token = await sign()
      const status = await call(token)
      if (status !== 200) refused.push([kidOf(token), status])
      // A token whose key was removed before the request began must be refused.
      const removed = retired.at(-1)
      if (removed !== undefined && (await call(removed)) !== 401) late.push(kidOf(removed))
      run.calls++
      rounds[index]!++
    }
  }
  const clients = Array.from(rounds, client)
  // Resolves when every client has presented the tokens that were signed before now, on a slow machine too.
  const allClientsHavePassed = async () => {
    const goals = rounds.map((round) => round + 1)
    while (rounds.some((round, index) => round < goals[index]!)) await call(await sign())
  }

  for (let index = 1; index < keys.length - 1; index++) {
    const [previous, active, next] = keys.slice(index - 1, index + 2) as [NamedKey, NamedKey, NamedKey]
    const old = await sign()
    t.equal(await call(old), 200)
    await use(entry(previous, 'previous'), entry(active, 'active'), entry(next, 'next'))
    t.equal(await call(old), 200, `${previous.kid} only verifies`)
    await allClientsHavePassed()
    await use(entry(active, 'active'), entry(next, 'next'))
    t.equal(await call(old), 401, `${previous.kid} is removed`)
    t.equal(await me(old), 401)
    retired.push(old)
    names.delete(previous.kid)
    await allClientsHavePassed()
  }
  run.done = true
  await Promise.all(clients)
  t.strictSame(refused, [])
  t.strictSame(late, [])
  t.ok(run.calls > 150, `${run.calls} calls, ${retired.length} rotations`)
})

t.test('reload() with a wrong list keeps the current keys and emits an event without key material', async (t) => {
  const { source, me, sign, use, app, events } = await createRotating([entry(a, 'active')])
  const token = await sign()
  const pem = b.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const jwk = jwkOf(b.privateKey)
  const words = [
    jwk.d!,
    jwk.x!,
    ...pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('--')),
    'hunter2'
  ]
  const shape = '"keys" must be a non-empty list of { key, kid?, alg?, state? }'
  // Node's error code differs between releases.
  const unreadable =
    /^"keys.1.key" cannot be read as a key \(ERR_\w+\): expected unencrypted PEM, a JWK, a KeyObject or a CryptoKey$/
  const fails = (error: unknown) => async () => {
    throw error
  }
  const rows: [string, unknown, string | RegExp][] = [
    ['an object', { keys: [entry(a, 'active')] }, `${shape}: received an object`],
    ['nothing', undefined, `${shape}: received undefined`],
    ['an empty list', [], `${shape}: received a list`],
    ['PEM alone', pem, `${shape}: received a string`],
    ['a list of PEM', [pem], '"keys.0" must be an object: received a string'],
    ['a list of null', [null], '"keys.0" must be an object: received null'],
    ['a list of JWKs', [jwk], '"keys.0.key" is missing'],
    ['a member of a JWK next to the key', [{ ...entry(a, 'active'), d: jwk.d }], '"keys.0.d" is not an option'],
    [
      'an unknown state',
      [{ ...entry(a, 'active'), state: 'retired' }],
      '"keys.0.state" must be one of next, active, previous: received "retired"'
    ],
    [
      'PEM where state should be',
      [{ ...entry(a, 'active'), state: pem }],
      '"keys.0.state" must be one of next, active, previous: received a string'
    ],
    [
      'kid as a number',
      [{ ...entry(a, 'active'), kid: 7 }],
      '"keys.0.kid" must be a string of 1 to 256 characters: received a number'
    ],
    [
      'alg as a list',
      [{ ...entry(a, 'active'), alg: ['EdDSA'] }],
      '"keys.0.alg" must be a non-empty string: received a list'
    ],
    [
      'PEM where kid should be',
      [{ key: a.privateKey, kid: pem.repeat(3) }],
      '"keys.0.kid" must be a string of 1 to 256 characters: received a string'
    ],
    [
      'PEM where alg should be',
      [{ key: a.privateKey, alg: pem }],
      '"keys.0.alg" is not a supported signature algorithm'
    ],
    [
      'two active keys',
      [entry(a, 'active'), entry(b, 'active')],
      '"keys" must have exactly one active private key: received several'
    ],
    [
      'no active key',
      [entry(a, 'previous'), entry(b, 'next')],
      '"keys" must have exactly one active private key: received none'
    ],
    [
      'kid twice',
      [entry(a, 'active'), { ...entry(b, 'next'), kid: 'a' }],
      '"keys" must not repeat a kid: received "a" twice'
    ],
    ['PEM that is cut', [entry(a, 'active'), { key: pem.slice(0, 60) }], unreadable],
    ['a JWK without its public part', [entry(a, 'active'), { key: { ...jwk, x: undefined } }], unreadable],
    ['a key that is a number', [{ key: 7 }], '"keys.0.key" must be PEM text, a JWK, a KeyObject or a CryptoKey'],
    ['an Error', fails(new Error(`cannot read ${pem}`)), 'the function threw Error'],
    [
      'an Error with a code',
      fails(Object.assign(new Error(`no ${pem}`), { code: 'ENOENT' })),
      'the function threw Error (ENOENT)'
    ],
    [
      'an Error with key material for a code',
      fails(Object.assign(new Error('x'), { code: pem })),
      'the function threw Error'
    ],
    ['broken JSON', async () => JSON.parse(JSON.stringify(jwk).slice(0, -1)), 'the function threw SyntaxError'],
    ['a TypeError of its own', fails(new TypeError(`password=hunter2 ${pem}`)), 'the function threw TypeError'],
    ['null', fails(null), 'the function threw a value that is not an Error'],
    ['text', fails(pem), 'the function threw a value that is not an Error']
  ]
  for (const [what, list, reason] of rows) {
    source.list = list
    // The source of createRotating() returns the list; a row that is a function is the source itself.
    const failing = typeof list === 'function' ? await createSource(flaky(list as () => unknown)) : null
    const taken = failing ? await failing.source.reload() : await app.keys.reload()
    const seen = failing ? failing.events() : events()
    t.equal(taken, false, what)
    t[typeof reason === 'string' ? 'strictSame' : 'match'](
      seen,
      [{ type: 'keys-reload-failed', reason }],
      `${what}: the event`
    )
    t.notOk(
      words.find((word) => JSON.stringify(seen).includes(word)),
      `${what}: no key material in it`
    )
    t.strictSame([await me(token), kidOf(await sign())], [200, 'a'], `${what}: the current keys stay`)
  }
  t.equal(await use(entry(b, 'active'), entry(a, 'previous')), true, 'a good list is used again')
  t.equal(kidOf(await sign()), 'b')
})

/** Returns a good list first, and then calls `then`. */
function flaky(then: () => unknown): () => unknown {
  let first = true
  return () => {
    if (!first) return then()
    first = false
    return [entry(a, 'active')]
  }
}

t.test('hasFailed() says whether the last load failed', async (t) => {
  let isSealed = false
  const { source } = await createSource(() => {
    if (isSealed) throw new Error('the vault is sealed')
    return [entry(a, 'active')]
  })
  const seen = [source.hasFailed()]
  for (isSealed of [true, false, true]) {
    await source.reload()
    seen.push(source.hasFailed())
  }
  t.strictSame(seen, [false, true, false, true])
})

t.test('createKeySource() rejects when the first load fails', async (t) => {
  const prefix = 'Cannot register fastify-authenticate: '
  const rows: [string, () => unknown, string][] = [
    [
      'an empty list',
      async () => [],
      `${prefix}"keys" must be a non-empty list of { key, kid?, alg?, state? }: received a list`
    ],
    [
      'a wrong key',
      async () => [{ key: 'x' }],
      prefix +
        '"keys.0.key" cannot be read as a key (ERR_OSSL_UNSUPPORTED): ' +
        'expected unencrypted PEM, a JWK, a KeyObject or a CryptoKey'
    ],
    [
      'its own error',
      async () => {
        throw new Error('the vault is sealed')
      },
      'the vault is sealed'
    ],
    ['hanging', () => new Promise(() => {}), `${prefix}"keys" did not return a list within 20 ms`]
  ]
  for (const [what, keys, message] of rows) await t.rejects(createSource(keys, { timeoutMs: 20 }), { message }, what)
})

t.test('createKeySource() waits 5 seconds for the function `keys` by default', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let outcome = 'waiting'
  createSource(() => new Promise(() => {})).catch(({ message }) => {
    outcome = message
  })
  mock.timers.tick(4999)
  await setImmediate()
  t.equal(outcome, 'waiting')
  mock.timers.tick(1)
  await setImmediate()
  t.equal(outcome, 'Cannot register fastify-authenticate: "keys" did not return a list within 5000 ms')
})

t.test(
  'createKeySource() signs with the first of the accepted types, and with at+jwt if any is accepted',
  async (t) => {
    const rows: [types: readonly string[] | null, typ: string][] = [
      [['at+jwt'], 'at+jwt'],
      [['JWT', 'at+jwt'], 'JWT'],
      [null, 'at+jwt']
    ]
    for (const [types, typ] of rows) {
      for (const keys of [[entry(a, 'active')], async () => [entry(a, 'active')]]) {
        const { source } = await createSource(keys, { types })
        await source.loadSigner()
        const token = source.current().active.sign({ iat: 1 })
        t.equal(decode(token, 0).typ, typ, `${types} for keys from a ${typeof keys}`)
      }
    }
  }
)

t.test('reload() gives up on a source that hangs, releases all requests and ignores a late list', async (t) => {
  let resolveLate = (_list: unknown): void => {}
  let hangs = true
  const { source, events, outcome } = await createSource(
    flaky(() =>
      hangs
        ? new Promise((resolve) => {
            resolveLate = resolve
          })
        : [entry(c, 'active')]
    ),
    { timeoutMs: 50 }
  )
  const unknown = Promise.all(Array.from({ length: 100 }, () => outcome(forge(signerOf(b)))))
  t.equal(await outcome(forge(signerOf(a))), 'accepted', 'a known key does not wait')
  t.strictSame([...new Set(await unknown)], ['AUTH_KEYS_UNAVAILABLE'], 'these may be local tokens')
  t.strictSame(events(), [{ type: 'keys-reload-failed', reason: '"keys" did not return a list within 50 ms' }])
  resolveLate([entry(b, 'active')])
  await Promise.resolve()
  t.strictSame(source.current().kids, ['a'])
  hangs = false
  t.equal(await source.reload(), true)
  t.strictSame(source.current().kids, ['c'])
})

t.test(
  'while `keys` cannot be loaded, a local token with an unknown key yields 503 and keeps its cookie',
  async (t) => {
    let isDown = false
    let list = [entry(a, 'active')]
    const keys = async () => {
      if (isDown) throw new Error('the key server is unavailable')
      return list
    }
    const [{ app: old }, { app: rotated }] = [
      await createApp({ plugin: { keys } }),
      await createApp({ plugin: { keys: async () => [entry(b, 'active')] } })
    ]
    const token = await rotated.accessTokens.sign({ sub: 'alice' })
    isDown = true
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie: `__Host-access=${token}` }]) {
      const response = await old.inject({ url: '/me', headers })
      t.match(response.json(), { statusCode: 503, code: 'AUTH_KEYS_UNAVAILABLE' })
      t.strictSame([response.headers['retry-after'], response.headers['set-cookie']], ['2', undefined])
    }
    await t.rejects(old.accessTokens.verify(token), { code: 'AUTH_KEYS_UNAVAILABLE' })
    isDown = false
    list = [entry(a, 'active'), entry(b, 'previous')]
    await old.keys.reload()
    t.equal((await old.inject({ url: '/me', headers: { cookie: `__Host-access=${token}` } })).statusCode, 200)
  }
)

t.test('reload() during a load shares the next load, which sees every change made before the call', async (t) => {
  const loads: ((list: KeyOption[]) => void)[] = []
  let list = [entry(a, 'active')]
  const { source } = await createSource(
    flaky(
      () =>
        new Promise((resolve) => {
          loads.push(resolve)
        })
    )
  )
  const first = source.reload()
  const stale = list
  list = [entry(a, 'previous'), entry(b, 'active')]
  const others = Array.from({ length: 50 }, () => source.reload())
  t.equal(loads.length, 1)
  loads[0]!(stale)
  t.equal(await first, true)
  t.strictSame(source.current().kids, ['a'])
  while (loads.length < 2) await setImmediate()
  loads[1]!(list)
  t.strictSame([...new Set(await Promise.all(others))], [true])
  t.strictSame(source.current().kids, ['a', 'b'])
  t.equal(loads.length, 2)

  const third = source.reload()
  list = [entry(c, 'active')]
  const fourth = source.reload()
  loads[2]!([entry(b, 'active')])
  t.equal(await third, true)
  while (loads.length < 4) await setImmediate()
  loads[3]!(list)
  t.equal(await fourth, true, 'the next load is shared once only')
  t.strictSame(source.current().kids, ['c'])
})

t.test('KeySource never runs two loads at the same time, because the older list could replace the newer', async (t) => {
  for (const method of ['reload', 'reloadForUnknownKid'] as const) {
    const loads: ((list: KeyOption[]) => void)[] = []
    const { source } = await createSource(
      flaky(
        () =>
          new Promise((resolve) => {
            loads.push(resolve)
          })
      )
    )
    const first = source.reload().then(async () => {
      await source[method]()
    })
    const second = source.reload()
    loads[0]!([entry(a, 'active')])
    await setImmediate()
    t.equal(loads.length, 2, `${method}() after the first load shares the load that another caller has asked for`)
    loads[1]!([entry(b, 'active')])
    await Promise.all([first, second])
    t.strictSame(source.current().kids, ['b'])
  }
})

t.test('loadSigner() makes reload() put keys into use only when they can sign', async (t) => {
  let list = [entry(a, 'active')]
  const { source } = await createSource(async () => list)
  const active = () => source.current().active
  t.throws(() => active().sign({ iat: 1 }), TypeError, 'nothing is loaded before the first token')
  t.equal(await source.reload(), true)
  t.throws(() => active().sign({ iat: 1 }), TypeError, 'nor by a reload')
  const reloading = source.reload()
  await source.loadSigner()
  t.equal(kidOf(active().sign({ iat: 1 })), 'a', 'a reload in progress replaces the key by one that can sign')
  await reloading
  t.equal(kidOf(active().sign({ iat: 1 })), 'a')
  list = [entry(b, 'active')]
  t.equal(await source.reload(), true)
  t.equal(kidOf(active().sign({ iat: 1 })), 'b')
  t.equal(source.loadSigner(), undefined, 'there is nothing to wait for')
})

t.test('reloadForUnknownKid() reloads once for an unknown kid, and again only after a cooldown', async (t) => {
  let loads = 0
  let list = [entry(a, 'active')]
  const { outcome, monotonic } = await createSource(async () => {
    loads++
    return list
  })
  const strangers = Array.from({ length: 1000 }, (_, index) => forge({ ...signerOf(b), kid: `stranger ${index}` }))
  const all = async () => [...new Set(await Promise.all(strangers.map(outcome)))]
  t.equal(loads, 1)
  t.strictSame(await all(), ['AUTH_INVALID_TOKEN'])
  t.equal(loads, 2, 'a thousand concurrent requests')
  list = [entry(a, 'previous'), entry(b, 'active')]
  t.equal(await outcome(forge(signerOf(b))), 'AUTH_INVALID_TOKEN', 'within the cooldown')
  monotonic.advance(29.9)
  t.strictSame(await all(), ['AUTH_INVALID_TOKEN'])
  t.equal(loads, 2)
  monotonic.advance(0.1)
  t.strictSame(
    await Promise.all(Array.from({ length: 20 }, () => outcome(forge(signerOf(b))))),
    Array(20).fill('accepted'),
    'all waiting requests share one reload'
  )
  t.equal(loads, 3)
  t.equal(await outcome(forge(signerOf(a))), 'accepted')

  const fixed = await createApp({ plugin: { keys: [entry(a, 'active')] } })
  t.equal(await fixed.app.keys.reload(), true, 'a fixed list has nothing to reload')
})

t.test('onRetire() is called when a key is removed or its kid names another key, and not otherwise', async (t) => {
  let list: KeyOption[] = [entry(a, 'active')]
  const { source } = await createSource(async () => list)
  let forgotten = 0
  source.onRetire(() => forgotten++)
  const rows: [string, KeyOption[], number][] = [
    ['the same list', [entry(a, 'active')], 0],
    ['one more', [entry(a, 'active'), entry(b, 'next')], 0],
    ['other states', [entry(a, 'previous'), entry(b, 'active')], 0],
    ['the public key only', [{ key: a.publicKey, kid: 'a' }, entry(b, 'active')], 0],
    ['one less', [entry(b, 'active')], 1],
    ['another key of that kid', [{ ...entry(c, 'active'), kid: 'b' }], 1],
    ['another name of that key', [entry(c, 'active')], 1],
    ['the secret signs', [{ key: c.publicKey, kid: 'c' }], 0],
    ['the secret is disabled', [entry(c, 'active')], 1]
  ]
  for (const [what, next, times] of rows) {
    forgotten = 0
    list = next
    t.equal(await source.reload(), true, what)
    t.equal(forgotten, times, what)
  }
})

t.test('reload() lets the secret sign while no key is active, and disables it with an active key', async (t) => {
  const { use, sign, me } = await createRotating([{ key: a.publicKey, kid: 'a' }])
  const bySecret = await sign()
  t.equal(kidOf(bySecret), localSigner.kid)
  const oct = {
    key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') } as JsonWebKey,
    state: 'previous' as KeyState
  }
  for (const [what, list, signs, secretCounts] of [
    ['a signs, the secret is listed', [entry(a, 'active'), oct], 'a', 200],
    ['a signs', [entry(a, 'active')], 'a', 401],
    ['all are previous', [entry(a, 'previous'), entry(b, 'previous')], localSigner.kid, 200],
    ['b signs', [entry(a, 'previous'), entry(b, 'active')], 'b', 401]
  ] as const) {
    t.equal(await use(...list), true, what)
    t.equal(kidOf(await sign()), signs, what)
    t.equal(await me(bySecret), secretCounts, `${what}: the secret's tokens`)
    t.equal(await me(forge(signerOf(a))), 200, `${what}: a's tokens`)
  }
})

t.test('createKeySource() loads the keys again every keysReloadSeconds', async (t) => {
  const intervals: [() => void, number][] = []
  t.intercept(globalThis, 'setInterval', {
    value: (run: () => void, ms: number) => {
      intervals.push([run, ms])
      return { unref: () => undefined }
    }
  })
  let loads = 0
  await createSource(async () => {
    loads++
    return [entry(a, 'active')]
  })
  t.strictSame(
    intervals.map(([, ms]) => ms),
    [300_000]
  )
  intervals[0]![0]()
  t.equal(loads, 2)
  await createSource([entry(a, 'active')])
  t.equal(intervals.length, 1, 'a fixed list has no timer')
})
