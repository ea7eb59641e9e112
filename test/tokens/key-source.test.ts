import { spawn } from 'node:child_process'
import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import t from 'tap'
import { followKeys, keysIn, readKeys, rotateKeys } from '../../example-server/keys/key-file.ts'
import { rotate, type KeptKey } from '../../example-server/keys/rotation.ts'
import type { AuthEvent, KeyOption } from '../../plugin/index.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createAccessTokens } from '../../plugin/tokens/access-tokens.ts'
import { createKeySource } from '../../plugin/tokens/key-source.ts'
import { readSecrets } from '../../plugin/tokens/secret.ts'
import { createApp, createClock, issuer, secret, epoch } from '../fixtures/app.ts'
import { forge, goodClaims, now, localSigner } from '../fixtures/tokens.ts'

t.setTimeout(120_000)

type State = NonNullable<KeyOption['state']>
interface Named {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const named = (kid: string): Named => ({ kid, ...generateKeyPairSync('ed25519') })
const [a, b, c] = [named('a'), named('b'), named('c')]
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const entry = ({ kid, privateKey }: Named, state: State): KeyOption => ({ key: privateKey, kid, state })
const signerOf = ({ kid, privateKey }: Named) => ({ alg: 'EdDSA', kid, key: privateKey })
const kidOf = (token: string) => decodeProtectedHeader(token).kid

/** An application over a list that can be replaced; `me` is the status of a call with a token. */
async function createRotating(first: readonly KeyOption[]) {
  const source = { list: first as unknown, loads: 0 }
  const made = await createApp({
    plugin: {
      keys: async () => {
        source.loads++
        return source.list as KeyOption[]
      }
    }
  })
  const { app } = made
  return {
    ...made,
    source,
    async use(...list: KeyOption[]) {
      source.list = list
      return await app.keys.reload()
    },
    sign: () => app.accessTokens.sign({ sub: 'machine' }),
    me: async (token: string) =>
      (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode
  }
}

/** The source and the checks without a server: `monotonic` is told the time, and the option `keys` may hang. */
async function createSource(keys: () => unknown, timeoutMs?: number) {
  const events: AuthEvent[] = []
  const monotonic = createClock(0)
  const settings = resolveOptions({ issuer, secret, clock: createClock() })
  const source = await createKeySource({
    keys: keys as () => Promise<KeyOption[]>,
    keysReloadSeconds: settings.keysReloadSeconds,
    types: settings.accessToken.types,
    secrets: readSecrets(secret),
    emit: (event) => events.push(event),
    monotonic,
    timeoutMs
  })
  t.teardown(() => source.close())
  const accessTokens = createAccessTokens({ ...settings, trustedIssuers: [], keys: source })
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
  'a key is next, active, previous and gone, and its tokens, cached ones too, live as long as it does',
  async (t) => {
    const { use, sign, me, app, events } = await createRotating([entry(a, 'active')])
    const ofA = [await sign(), await sign()]
    const ofB = forge(signerOf(b))
    const steps: [string, KeyOption[], string, string[], number, number][] = [
      ['b is unknown', [entry(a, 'active')], 'a', ['a'], 200, 401],
      ['b is next', [entry(a, 'active'), entry(b, 'next')], 'a', ['a', 'b'], 200, 200],
      ['b is active', [entry(a, 'previous'), entry(b, 'active'), entry(c, 'next')], 'b', ['a', 'b', 'c'], 200, 200],
      ['a is public only', [{ key: a.publicKey, kid: 'a' }, entry(b, 'active')], 'b', ['a', 'b'], 200, 200],
      ['a is gone', [entry(b, 'active')], 'b', ['b'], 401, 200],
      ['b is previous', [entry(b, 'previous'), entry(c, 'active')], 'c', ['b', 'c'], 401, 200],
      ['b is gone', [entry(c, 'active')], 'c', ['c'], 401, 401]
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

t.test('all remembered tokens of a retired key are refused, those of the older half too', async (t) => {
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

t.test(
  'keys rotate under load: no request is refused that should not be, none is accepted after retirement',
  async (t) => {
    const { use, sign, me, app } = await createRotating([entry(a, 'active'), entry(b, 'next')])
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    t.teardown(() => app.close())
    const names = new Map([
      [a.kid, a],
      [b.kid, b]
    ])
    const keys = [a, b, ...Array.from({ length: 6 }, (_, index) => named(`k${index}`))]
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
        // Whatever was gone before the request began stays refused.
        const gone = retired.at(-1)
        if (gone !== undefined && (await call(gone)) !== 401) late.push(kidOf(gone))
        run.calls++
        rounds[index]!++
      }
    }
    const clients = Array.from(rounds, client)
    // Whoever has a token that was signed before now has presented it when this resolves: on a slow machine too.
    const past = async () => {
      const goals = rounds.map((round) => round + 1)
      while (rounds.some((round, index) => round < goals[index]!)) await call(await sign())
    }

    for (let index = 1; index < keys.length - 1; index++) {
      const [previous, active, next] = keys.slice(index - 1, index + 2) as [Named, Named, Named]
      const old = await sign()
      t.equal(await call(old), 200)
      await use(entry(previous, 'previous'), entry(active, 'active'), entry(next, 'next'))
      t.equal(await call(old), 200, `${previous.kid} only verifies`)
      await past()
      await use(entry(active, 'active'), entry(next, 'next'))
      t.equal(await call(old), 401, `${previous.kid} is gone`)
      t.equal(await me(old), 401)
      retired.push(old)
      names.delete(previous.kid)
      await past()
    }
    run.done = true
    await Promise.all(clients)
    t.strictSame(refused, [])
    t.strictSame(late, [])
    t.ok(run.calls > 150, `${run.calls} calls, ${retired.length} rotations`)
  }
)

t.test('lists that are wrong leave the keys in force, with an event that shows no key material', async (t) => {
  const { source, me, sign, use, app, events } = await createRotating([entry(a, 'active')])
  const token = await sign()
  const pem = b.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const jwk = b.privateKey.export({ format: 'jwk' })
  const words = [
    jwk.d!,
    jwk.x!,
    ...pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('--')),
    'hunter2'
  ]
  const shape = '"keys" must be a non-empty list of { key, kid?, alg?, state? }'
  // Node's own code differs from release to release.
  const unreadable =
    /^"keys.1.key" cannot be read as a key \(ERR_\w+\): expected unencrypted PEM, a JWK or a KeyObject$/
  const fails = (error: unknown) => async () => {
    throw error
  }
  const rows: [string, unknown, string | RegExp][] = [
    ['no list', { keys: [entry(a, 'active')] }, `${shape}: received an object`],
    ['nothing', undefined, `${shape}: received undefined`],
    ['an empty list', [], `${shape}: received a list`],
    ['PEM alone', pem, `${shape}: received a string`],
    ['a list of PEM', [pem], '"keys.0" must be an object: received a string'],
    ['a list of null', [null], '"keys.0" must be an object: received null'],
    ['a list of JWKs', [jwk], '"keys.0.key" is missing'],
    ['a part of a JWK beside the key', [{ ...entry(a, 'active'), d: jwk.d }], '"keys.0.d" is not an option'],
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
      'none that is active',
      [entry(a, 'previous'), entry(b, 'next')],
      '"keys" must have exactly one active private key: received none'
    ],
    [
      'kid twice',
      [entry(a, 'active'), { ...entry(b, 'next'), kid: 'a' }],
      '"keys" must not repeat a kid: received "a" twice'
    ],
    ['PEM that is cut', [entry(a, 'active'), { key: pem.slice(0, 60) }], unreadable],
    ['a JWK without its public half', [entry(a, 'active'), { key: { ...jwk, x: undefined } }], unreadable],
    ['a key that is no key', [{ key: 7 }], '"keys.0.key" must be PEM text, a JWK or a KeyObject'],
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
    [
      'JSON that cannot be read',
      async () => JSON.parse(JSON.stringify(jwk).slice(0, -1)),
      'the function threw SyntaxError'
    ],
    ['a TypeError of its own', fails(new TypeError(`password=hunter2 ${pem}`)), 'the function threw TypeError'],
    ['null', fails(null), 'the function threw a value that is not an Error'],
    ['text', fails(pem), 'the function threw a value that is not an Error']
  ]
  for (const [what, list, reason] of rows) {
    source.list = list
    // The source of createRotating() returns the list; one that is a function is called.
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
    t.strictSame([await me(token), kidOf(await sign())], [200, 'a'], `${what}: the keys in force stay`)
  }
  t.equal(await use(entry(b, 'active'), entry(a, 'previous')), true, 'and a good list is taken again')
  t.equal(kidOf(await sign()), 'b')
})

/** Gives a good list at the start, and does something else afterwards. */
function flaky(then: () => unknown): () => unknown {
  let first = true
  return () => {
    if (!first) return then()
    first = false
    return [entry(a, 'active')]
  }
}

t.test('at the start, a source that fails stops it', async (t) => {
  const rows: [string, () => unknown, string][] = [
    [
      'an empty list',
      async () => [],
      'Cannot register fastify-authenticate: "keys" must be a non-empty list of { key, kid?, alg?, state? }: received a list'
    ],
    [
      'a wrong key',
      async () => [{ key: 'x' }],
      'Cannot register fastify-authenticate: "keys.0.key" cannot be read as a key (ERR_OSSL_UNSUPPORTED): expected unencrypted PEM, a JWK or a KeyObject'
    ],
    [
      'its own error',
      async () => {
        throw new Error('the vault is sealed')
      },
      'the vault is sealed'
    ],
    [
      'hanging',
      () => new Promise(() => {}),
      'Cannot register fastify-authenticate: "keys" did not return a list within 20 ms'
    ]
  ]
  for (const [what, keys, message] of rows) await t.rejects(createSource(keys, 20), { message }, what)
})

t.test('a source that hangs is given up, and nobody waits longer; what it brings later is nothing', async (t) => {
  let bring = (_list: unknown): void => {}
  let hangs = true
  const { source, events, outcome } = await createSource(
    flaky(() =>
      hangs
        ? new Promise((resolve) => {
            bring = resolve
          })
        : [entry(c, 'active')]
    ),
    50
  )
  const unknown = Promise.all(Array.from({ length: 100 }, () => outcome(forge(signerOf(b)))))
  t.equal(await outcome(forge(signerOf(a))), 'accepted', 'a known key waits for nothing')
  t.strictSame([...new Set(await unknown)], ['AUTH_KEYS_UNAVAILABLE'], 'nobody can say that these are not ours')
  t.strictSame(events(), [{ type: 'keys-reload-failed', reason: '"keys" did not return a list within 50 ms' }])
  bring([entry(b, 'active')])
  await Promise.resolve()
  t.strictSame(source.current().kids, ['a'])
  hangs = false
  t.equal(await source.reload(), true)
  t.strictSame(source.current().kids, ['c'])
})

t.test(
  'while `keys` cannot be loaded, a token of ours by a key that this node does not know is 503, and its cookie stays',
  async (t) => {
    let isDown = false
    let list = [entry(a, 'active')]
    const keys = async () => {
      if (isDown) throw new Error('the key server is away')
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

t.test('reloads that come while one runs share the one after it, which sees what they have seen', async (t) => {
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
  while (loads.length < 2) await new Promise(setImmediate)
  loads[1]!(list)
  t.strictSame([...new Set(await Promise.all(others))], [true])
  t.strictSame(source.current().kids, ['a', 'b'])
  t.equal(loads.length, 2)
})

t.test('an unknown kid of our own causes one reload, with a cooldown', async (t) => {
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
  t.equal(loads, 2, 'a thousand at once')
  list = [entry(a, 'previous'), entry(b, 'active')]
  t.equal(await outcome(forge(signerOf(b))), 'AUTH_INVALID_TOKEN', 'within the cooldown')
  monotonic.advance(29.9)
  t.strictSame(await all(), ['AUTH_INVALID_TOKEN'])
  t.equal(loads, 2)
  monotonic.advance(0.1)
  t.strictSame(
    await Promise.all(Array.from({ length: 20 }, () => outcome(forge(signerOf(b))))),
    Array(20).fill('accepted'),
    'all that wait get what one has found'
  )
  t.equal(loads, 3)
  t.equal(await outcome(forge(signerOf(a))), 'accepted')

  const fixed = await createApp({ plugin: { keys: [entry(a, 'active')] } })
  t.equal(await fixed.app.keys.reload(), true, 'a list that is written down has nothing to reload')
})

t.test('a reload that retires no key forgets no token; a kid that comes to mean another key retires one', async (t) => {
  let list: KeyOption[] = [entry(a, 'active')]
  const { source } = await createSource(async () => list)
  let forgotten = 0
  source.onRetire(() => forgotten++)
  const rows: [string, KeyOption[], number][] = [
    ['the same list', [entry(a, 'active')], 0],
    ['one more', [entry(a, 'active'), entry(b, 'next')], 0],
    ['other states', [entry(a, 'previous'), entry(b, 'active')], 0],
    ['a public half', [{ key: a.publicKey, kid: 'a' }, entry(b, 'active')], 0],
    ['one less', [entry(b, 'active')], 1],
    ['another key of that kid', [{ ...entry(c, 'active'), kid: 'b' }], 1],
    ['another name of that key', [entry(c, 'active')], 1],
    ['the secret signs', [{ key: c.publicKey, kid: 'c' }], 0],
    ['the secret is put down', [entry(c, 'active')], 1]
  ]
  for (const [what, next, times] of rows) {
    forgotten = 0
    list = next
    t.equal(await source.reload(), true, what)
    t.equal(forgotten, times, what)
  }
})

t.test('a list that only verifies lets the secret sign; one with an active key puts the secret down', async (t) => {
  const { use, sign, me } = await createRotating([{ key: a.publicKey, kid: 'a' }])
  const bySecret = await sign()
  t.equal(kidOf(bySecret), localSigner.kid)
  const oct = {
    key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') } as JsonWebKey,
    state: 'previous' as State
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

t.test('the keys are asked for again every keysReloadSeconds', async (t) => {
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
})

t.test('with an async source, the JWKS route is there from the start', async (t) => {
  const { use, app } = await createRotating([
    { key: { kty: 'oct', k: Buffer.alloc(32, 'abc').toString('base64url') } as JsonWebKey, state: 'previous' }
  ])
  const published = async () => {
    const response = await app.inject('/.well-known/jwks.json')
    return [response.statusCode, response.json().keys?.length]
  }
  t.strictSame(await published(), [200, 0])
  await use(entry(a, 'active'), entry(b, 'next'))
  t.strictSame(await published(), [200, 2])
})

t.test('a service that has jose alone verifies our tokens from our JWKS route, through a rotation', async (t) => {
  const { use, sign, app } = await createRotating([entry(a, 'active'), entry(b, 'next')])
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const keySet = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`))
  const verify = async (token: string) =>
    (
      await jwtVerify(token, keySet, {
        issuer,
        audience: issuer,
        typ: 'at+jwt',
        algorithms: ['EdDSA'],
        currentDate: new Date(epoch)
      })
    ).payload.sub
  t.equal(await verify(await sign()), 'machine')
  await use(entry(a, 'previous'), entry(b, 'active'))
  t.equal(await verify(await sign()), 'machine', 'next was in the set that it has')
  t.ok(keySet.coolingDown, 'no fetch in between')
  await t.rejects(verify(forge(signerOf(c))), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

t.test('tokens by jsonwebtoken, jose and node:crypto verify here, and ours there, by a look-up of kid', async (t) => {
  const { app } = await createApp({ plugin: { keys: [{ key: rsa.privateKey, kid: 'r' }] } })
  const call = async (token: string) =>
    (await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).statusCode
  const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })
  const byJsonwebtoken = (claims: object, header: object = {}) =>
    jsonwebtoken.sign({ ...goodClaims, ...claims }, pem, {
      algorithm: 'RS256',
      keyid: 'r',
      header: { alg: 'RS256', typ: 'at+jwt', ...header }
    })
  const byJose = (claims: object, header: object = {}) =>
    new SignJWT({ ...goodClaims, ...claims })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'r', ...header })
      .sign(rsa.privateKey)
  const byCrypto = (claims: object, header: object = {}) =>
    forge(
      { alg: 'RS256', kid: 'r', key: rsa.privateKey },
      { claims: claims as Record<string, unknown>, header: header as Record<string, unknown> }
    )
  for (const [name, make] of [
    ['jsonwebtoken', byJsonwebtoken],
    ['jose', byJose],
    ['node:crypto', byCrypto]
  ] as const) {
    t.equal(await call(await make({})), 200, name)
    t.equal(
      await call(await make({ aud: [issuer, 'https://else.example.com'] })),
      200,
      `${name}: one of several audiences`
    )
    t.equal(await call(await make({ aud: 'https://else.example.com' })), 401, `${name}: another audience`)
    t.equal(await call(await make({ exp: now })), 401, `${name}: expired`)
    t.equal(await call(await make({}, { typ: 'JWT' })), 401, `${name}: no access token`)
    t.equal(await call(await make({}, { kid: 'else' })), 401, `${name}: an unknown kid`)
  }

  const ours = await app.accessTokens.sign({ sub: 'machine' })
  // As PyJWT's PyJWKClient does: the set by kid, a key of it, and the algorithm that the application expects.
  const { keys } = (await app.inject('/.well-known/jwks.json')).json() as { keys: (JsonWebKey & { kid: string })[] }
  const jwk = keys.find(({ kid }) => kid === kidOf(ours))!
  t.strictSame({ kty: jwk.kty, use: jwk.use, alg: jwk.alg }, { kty: 'RSA', use: 'sig', alg: 'RS256' })
  const claims = jsonwebtoken.verify(ours, { key: jwk as never, format: 'jwk' } as never, {
    algorithms: ['RS256'],
    issuer,
    audience: issuer,
    clockTimestamp: now
  })
  t.match(claims, { sub: 'machine' })
})

t.test('rotate() takes one step at a time, and none before everybody knows the next key', async (t) => {
  const key = 'unread'
  const at = (seconds: number) => new Date(epoch + seconds * 1000).toISOString()
  const pem = a.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const list = (next: number, previous?: number): KeptKey[] => [
    ...(previous === undefined ? [] : [{ state: 'previous' as const, since: at(previous), key }]),
    { state: 'active', since: at(-1e6), key: pem },
    { state: 'next', since: at(next), key }
  ]
  const states = (keys: readonly KeptKey[] | null) => keys && keys.map(({ state }) => state).join(' ')
  const day = 86_400
  const rows: [string, KeptKey[], string | null][] = [
    ['next is new', list(0), null],
    ['next is ten minutes old, but for a second', list(-599), null],
    ['next is ten minutes old', list(-600), 'previous active next'],
    ['no next', list(0).slice(0, 1), 'active next'],
    ['previous is in use', list(0, -day - 599), null],
    ['previous is out of use', list(0, -day - 600), 'active next'],
    ['both', list(-600, -day - 600), 'previous active next'],
    ['previous is in use, next is ready', list(-600, -day), 'previous previous active next']
  ]
  for (const [what, keys, expected] of rows) t.equal(states(rotate(keys, epoch).keys), expected, what)
  const moved = rotate(list(-600), epoch).keys!
  t.match(moved[0]?.key, /^-----BEGIN PUBLIC KEY-----/, 'of a previous key only the public half is kept')
  t.strictSame(
    moved.map(({ since }) => since),
    [at(0), at(0), at(0)]
  )
})

t.test("key files are their owner's alone, rotate, and outlive a loss", async (t) => {
  const dataDir = join(t.testdir(), 'data')
  const source = keysIn(dataDir)
  const file = join(dataDir, 'keys', 'keys.json')
  const kinds = async () => (await source()).map(({ state }) => state)
  t.strictSame(await kinds(), ['active', 'next'])
  t.strictSame([statSync(join(dataDir, 'keys')).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600])
  const first = await readKeys(dataDir)
  keysIn(dataDir)
  t.strictSame(await readKeys(dataDir), first, 'a second start keeps them')

  t.match(await rotateKeys(dataDir), [/^the next key becomes usable at /])
  t.strictSame(await readKeys(dataDir), first)
  t.match(await rotateKeys(dataDir, Date.now() + 600_000), [/^the next key is active now/, 'published a new next key'])
  t.strictSame(await kinds(), ['previous', 'active', 'next'])
  t.equal((await readKeys(dataDir))[1]?.key, first[1]?.key)
  t.equal(statSync(file).mode & 0o777, 0o600)

  const lock = join(dataDir, 'keys', 'keys.lock')
  writeFileSync(lock, '')
  await t.rejects(rotateKeys(dataDir), { message: `another rotation is running; if it has crashed, remove ${lock}` })
  unlinkSync(lock)

  const { app } = await createApp({ plugin: { keys: source } })
  const before = app.keys.jwks()
  const whole = readFileSync(file, 'utf8')
  for (const [what, spoil] of [
    ['lost', () => unlinkSync(file)],
    ['cut', () => writeFileSync(file, whole.slice(0, 99))],
    ['empty', () => writeFileSync(file, '[]')]
  ] as const) {
    spoil()
    t.equal(await app.keys.reload(), false, what)
    t.strictSame(app.keys.jwks(), before, what)
  }
})

t.test('followKeys() reloads when the file is replaced, and on SIGHUP', async (t) => {
  const dataDir = t.testdir()
  keysIn(dataDir)
  let heard = (): void => {}
  const next = () =>
    new Promise<void>((resolve) => {
      heard = resolve
    })
  const listeners = process.listenerCount('SIGHUP')
  const stop = followKeys(dataDir, () => heard())
  // Watching keeps no process alive: a server does.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(alive)
    stop()
  })
  const replaced = next()
  await rotateKeys(dataDir, Date.now() + 600_000)
  await replaced
  const moved = next()
  const file = join(dataDir, 'keys', 'keys.json')
  mkdirSync(join(dataDir, 'other'))
  writeFileSync(join(dataDir, 'other', 'x'), readFileSync(file))
  renameSync(join(dataDir, 'other', 'x'), file)
  await moved
  const signalled = next()
  process.kill(process.pid, 'SIGHUP')
  await signalled
  stop()
  t.equal(process.listenerCount('SIGHUP'), listeners, 'each was heard, and nothing listens any more')
})

t.test('three processes over one folder agree through a rotation under load', async (t) => {
  const dataDir = t.testdir()
  keysIn(dataDir)
  const program = fileURLToPath(new URL('../fixtures/issuer-process.ts', import.meta.url))
  const processes = [1, 2, 3].map(() =>
    spawn(process.execPath, [...process.execArgv, program, dataDir, String(epoch)], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
  )
  t.teardown(async () => {
    for (const { stdin } of processes) stdin.end()
    await Promise.all(processes.map((child) => once(child, 'close')))
  })
  const nodes = await Promise.all(processes.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])))
  const json = async (url: string, init?: RequestInit) => (await (await fetch(url, init)).json()) as never
  const sign = async (node: string): Promise<string> =>
    ((await json(`${node}/sign`, { method: 'POST' })) as { token: string }).token
  const me = async (node: string, token: string) =>
    (await fetch(`${node}/me`, { headers: { authorization: `Bearer ${token}` } })).status
  const kidsAt = async (node: string): Promise<string> =>
    ((await json(`${node}/.well-known/jwks.json`)) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).join()
  const everywhere = async (token: string) => await Promise.all(nodes.map((node) => me(node, token)))

  const refused: unknown[] = []
  const run = { calls: 0, done: false }
  const clients = nodes.map(async (from) => {
    while (!run.done) {
      const token = await sign(from)
      const statuses = await everywhere(token)
      run.calls++
      if (statuses.some((status) => status !== 200)) refused.push([kidOf(token), statuses])
    }
  })

  const old = await sign(nodes[0]!)
  let at = Date.now()
  for (const [what, seconds, oldCounts] of [
    ['first', 600, 200],
    ['second', 600, 200],
    ['third, a day later', 87_000, 401]
  ] as const) {
    at += seconds * 1000
    const before = await Promise.all(nodes.map(kidsAt))
    await rotateKeys(dataDir, at)
    let after = before
    // By watching the folder; nobody tells them.
    while (new Set(after).size !== 1 || after[0] === before[0]) after = await Promise.all(nodes.map(kidsAt))
    t.strictSame(await everywhere(old), Array(3).fill(oldCounts), `${what} rotation: the first key's tokens`)
    const signed = await Promise.all(nodes.map(sign))
    t.equal(new Set(signed.map(kidOf)).size, 1, `${what} rotation: all sign with one key`)
  }
  run.done = true
  await Promise.all(clients)
  t.strictSame(refused, [])
  t.ok(run.calls > 10, `${run.calls} tokens, each at three nodes`)
  for (const node of nodes) {
    t.notOk(((await json(`${node}/reloads`)) as string[]).includes('keys-reload-failed'), 'no list was half written')
  }
})
