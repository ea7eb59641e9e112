import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { optionsShape } from '../../plugin/options/options.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { base, register } from '../fixtures/registration.ts'

const day = 86_400
t.test('register() rejects a wrong, empty, unknown or contradictory value of every option, and names it', async (t) => {
  const { privateKey: key, publicKey } = generateKeyPairSync('ed25519')
  const other = generateKeyPairSync('ed25519').privateKey
  const nonEmpty = 'must be a non-empty string: received'
  const one = 'must be a non-empty string or a list of them: received'
  const type = 'must be a type, a list of types, or false: received'
  const keyList = 'must be a non-empty list of { key, kid?, alg?, state? }, or a function that returns one: received'
  const origin =
    'must be an exact origin such as "https://app.example.com" or "capacitor://localhost", without a path or a ' +
    'wildcard: received'
  const originList = 'must be a list of origins or a synchronous function: received'
  const cookieName = 'must be a cookie name (RFC 6265 §4.1.1)'
  const publicLooking = 'must be secret: this looks like a public key or a certificate'
  const missing = 'is missing: is the environment variable set?'
  const lost = 'is undefined: give it a value, or leave it out'
  const from1 = 'must be a whole number >= 1: received'
  const range = (least: number, most: number) => `must be a whole number between ${least} and ${most}: received`

  /** The wrong option beside a good issuer and secret, its name, and the problem. */
  const rows: [Record<string, unknown>, string, string][] = [
    [{ isuer: 'x' }, 'isuer', 'is not an option'],
    [{ accessTokens: {} }, 'accessTokens', 'is not an option'],
    [{ cookies: new Map([['sameSite', 'strict']]) }, 'cookies', 'must be false or an object: received a Map'],
    [{ accessToken: new Map([['lifetimeSeconds', 60]]) }, 'accessToken', 'must be an object: received a Map'],
    [{ keys: [{ key, alg: Object.create(null) }] }, 'keys.0.alg', 'must be a non-empty string: received an object'],

    [{ issuer: undefined }, 'issuer', 'is missing'],
    [{ issuer: '' }, 'issuer', `${one} ""`],
    [{ issuer: 1 }, 'issuer', `${one} 1`],
    [{ issuer: null }, 'issuer', `${one} null`],
    [{ issuer: [] }, 'issuer', `${one} a list`],
    [{ issuer: [issuer, ''] }, 'issuer.1', `${nonEmpty} ""`],
    [{ issuer: [issuer, undefined] }, 'issuer.1', `${nonEmpty} undefined`],
    [{ issuer: ['a', 'b', 'a'] }, 'issuer.2', 'repeats an earlier entry'],
    [{ issuer: ['ä', issuer] }, 'realm', 'must be printable ASCII (it defaults to "issuer")'],
    [
      { issuer: ['a', issuer], trustedIssuers: [{ issuer, audience: 'x', algorithms: ['RS256'] }] },
      'trustedIssuers.0.issuer',
      'must be unique and differ from "issuer"'
    ],

    [{ audience: '' }, 'audience', `${one} ""`],
    [{ audience: 1 }, 'audience', `${one} 1`],
    [{ audience: [] }, 'audience', `${one} a list`],
    [{ audience: {} }, 'audience', `${one} an object`],
    [{ audience: null }, 'audience', `${one} null`],
    [{ audience: ['a', ''] }, 'audience.1', `${nonEmpty} ""`],
    [{ audience: [1] }, 'audience.0', `${nonEmpty} 1`],

    [{ secret: undefined }, 'secret', missing],
    [{ secret: null }, 'secret', missing],
    [{ secret: '' }, 'secret', 'must be at least 32 bytes: received 0'],
    [{ secret: 'x'.repeat(30) + 'y' }, 'secret', 'must be at least 32 bytes: received 31'],
    [{ secret: Buffer.from('x'.repeat(30) + 'y') }, 'secret', 'must be at least 32 bytes: received 31'],
    [{ secret: 'a'.repeat(64) }, 'secret', 'must not be one repeated character'],
    [{ secret: Buffer.alloc(32) }, 'secret', 'must not be one repeated character'],
    [{ secret: 1 }, 'secret', 'must be a string or a Buffer'],
    [{ secret: true }, 'secret', 'must be a string or a Buffer'],
    [{ secret: {} }, 'secret', 'must be a string or a Buffer'],
    [{ secret: createSecretKey(Buffer.from(secret)) }, 'secret', 'must be a string or a Buffer'],
    [{ secret: [] }, 'secret', 'must not be an empty list'],
    [{ secret: [undefined] }, 'secret.0', 'must be a string or a Buffer'],
    [{ secret: [secret, 'short'] }, 'secret.1', 'must be at least 32 bytes: received 5'],
    [{ secret: [secret, secret] }, 'secret.1', 'repeats an earlier entry'],
    [{ secret: publicKey.export({ type: 'spki', format: 'pem' }) }, 'secret', publicLooking],
    [{ secret: publicKey.export({ type: 'spki', format: 'der' }) }, 'secret', publicLooking],
    [{ secret: JSON.stringify(jwkOf(publicKey)) }, 'secret', publicLooking],
    [{ secret: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFoo' }, 'secret', publicLooking],

    [{ keys: null }, 'keys', `${keyList} null`],
    [{ keys: 'x' }, 'keys', `${keyList} a string`],
    [{ keys: {} }, 'keys', `${keyList} an object`],
    [{ keys: [] }, 'keys', `${keyList} a list`],
    [{ keys: [1] }, 'keys.0', 'must be an object: received a number'],
    [{ keys: [{}] }, 'keys.0.key', 'is missing'],
    [{ keys: [{ key, use: 'sig' }] }, 'keys.0.use', 'is not an option'],
    [{ keys: [{ key: 1 }] }, 'keys.0.key', 'must be PEM text, a JWK, a KeyObject or a CryptoKey'],
    [{ keys: [{ key, kid: '' }] }, 'keys.0.kid', 'must be a string of 1 to 256 characters: received a string'],
    [
      { keys: [{ key, kid: 'k'.repeat(257) }] },
      'keys.0.kid',
      'must be a string of 1 to 256 characters: received a string'
    ],
    [{ keys: [{ key, alg: '' }] }, 'keys.0.alg', `${nonEmpty} ""`],
    [{ keys: [{ key, alg: 'none' }] }, 'keys.0.alg', 'is not a supported signature algorithm'],
    [{ keys: [{ key, alg: 'RS256' }] }, 'keys.0.key', 'is not a key for RS256'],
    [{ keys: [{ key, state: 'old' }] }, 'keys.0.state', 'must be one of next, active, previous: received "old"'],
    [
      { keys: [{ key: publicKey, state: 'active' }] },
      'keys.0.state',
      'must be "previous" for a public key: received "active"'
    ],
    [{ keys: [{ key, state: 'next' }] }, 'keys', 'must have exactly one active private key: received none'],
    [
      { keys: [{ key }, { key: other }] },
      'keys.0.state',
      'is missing: with several private keys, each must be "next", "active" or "previous"'
    ],
    [
      {
        keys: [
          { key, state: 'active' },
          { key: other, state: 'active' }
        ]
      },
      'keys',
      'must have exactly one active private key: received several'
    ],
    [
      {
        keys: [
          { key, kid: 'a' },
          { key: publicKey, kid: 'a' }
        ]
      },
      'keys',
      'must not repeat a kid: received "a" twice'
    ],
    [
      { keys: [{ key: createSecretKey(Buffer.from('k'.repeat(40))) }] },
      'keys.0.key',
      'must not be one repeated character'
    ],
    [
      { keys: [{ key: createSecretKey(Buffer.from(secret)), alg: 'HS512' }] },
      'keys.0.key',
      `must be at least 64 bytes: received ${secret.length}`
    ],
    [{ keysReloadSeconds: 0 }, 'keysReloadSeconds', `${range(1, day)} 0`],
    [{ trustedIssuers: {} }, 'trustedIssuers', 'must be a list or a function: received an object'],
    [{ trustedIssuers: [{}] }, 'trustedIssuers.0.issuer', 'is missing'],

    [{ accessToken: null }, 'accessToken', 'must be an object: received null'],
    [{ accessToken: [] }, 'accessToken', 'must be an object: received a list'],
    [{ accessToken: 600 }, 'accessToken', 'must be an object: received 600'],
    [{ accessToken: { lifetime: 1 } }, 'accessToken.lifetime', 'is not an option'],
    [{ accessToken: { lifetimeSeconds: 0 } }, 'accessToken.lifetimeSeconds', `${from1} 0`],
    [{ accessToken: { lifetimeSeconds: 1.5 } }, 'accessToken.lifetimeSeconds', `${from1} 1.5`],
    [{ accessToken: { lifetimeSeconds: '600' } }, 'accessToken.lifetimeSeconds', `${from1} "600"`],
    [{ accessToken: { lifetimeSeconds: NaN } }, 'accessToken.lifetimeSeconds', `${from1} NaN`],
    [{ accessToken: { lifetimeSeconds: Infinity } }, 'accessToken.lifetimeSeconds', `${from1} Infinity`],
    [
      { accessToken: { lifetimeSeconds: day + 1 } },
      'accessToken.lifetimeSeconds',
      'must be <= "accessToken.maxLifetimeSeconds" (86400): it is 86401'
    ],
    [{ accessToken: { clockToleranceSeconds: -1 } }, 'accessToken.clockToleranceSeconds', `${range(0, 300)} -1`],
    [{ accessToken: { clockToleranceSeconds: 301 } }, 'accessToken.clockToleranceSeconds', `${range(0, 300)} 301`],
    [{ accessToken: { maxLifetimeSeconds: 0 } }, 'accessToken.maxLifetimeSeconds', `${from1} 0`],
    [
      { accessToken: { maxLifetimeSeconds: 599 } },
      'accessToken.lifetimeSeconds',
      'must be <= "accessToken.maxLifetimeSeconds" (599): it is 600'
    ],
    [{ accessToken: { type: '' } }, 'accessToken.type', `${type} ""`],
    [{ accessToken: { type: true } }, 'accessToken.type', `${type} true`],
    [{ accessToken: { type: null } }, 'accessToken.type', `${type} null`],
    [{ accessToken: { type: [] } }, 'accessToken.type', `${type} a list`],
    [{ accessToken: { type: ['JWT', ''] } }, 'accessToken.type.1', `${nonEmpty} ""`],
    [{ accessToken: { claims: undefined } }, 'accessToken.claims', lost],
    [{ accessToken: { claims: {} } }, 'accessToken.claims', 'must be a schema of @sinclair/typebox 0.34'],
    [{ accessToken: { claims: null } }, 'accessToken.claims', 'must be a schema of @sinclair/typebox 0.34'],
    [
      { accessToken: { claims: { type: 'object' } } },
      'accessToken.claims',
      'must be a schema of @sinclair/typebox 0.34'
    ],
    [{ accessToken: { cacheSize: -1 } }, 'accessToken.cacheSize', `${range(0, 10_000_000)} -1`],

    [{ refreshToken: false }, 'refreshToken', 'must be an object: received false'],
    [{ refreshToken: { idle: 1 } }, 'refreshToken.idle', 'is not an option'],
    [{ refreshToken: { idleSeconds: 0 } }, 'refreshToken.idleSeconds', `${from1} 0`],
    [
      { refreshToken: { idleSeconds: 610 } },
      'refreshToken.idleSeconds',
      'must be > "accessToken.lifetimeSeconds" + "refreshToken.retrySeconds" (610): it is 610'
    ],
    [
      { refreshToken: { idleSeconds: 30 * day + 1 } },
      'refreshToken.idleSeconds',
      'must be <= "refreshToken.absoluteSeconds" (2592000): it is 2592001'
    ],
    [{ refreshToken: { absoluteSeconds: 0 } }, 'refreshToken.absoluteSeconds', `${from1} 0`],
    [
      { refreshToken: { absoluteSeconds: day } },
      'refreshToken.idleSeconds',
      'must be <= "refreshToken.absoluteSeconds" (86400): it is 1209600'
    ],
    [{ refreshToken: { retrySeconds: -1 } }, 'refreshToken.retrySeconds', `${range(0, 60)} -1`],
    [{ refreshToken: { retrySeconds: 61 } }, 'refreshToken.retrySeconds', `${range(0, 60)} 61`],
    [
      { refreshToken: { retrySeconds: 60 }, accessToken: { lifetimeSeconds: 60 } },
      'refreshToken.retrySeconds',
      'must be < "accessToken.lifetimeSeconds" (60): it is 60'
    ],
    [
      { accessToken: { lifetimeSeconds: 10 } },
      'refreshToken.retrySeconds',
      'must be < "accessToken.lifetimeSeconds" (10): it is 10'
    ],
    [{ refreshToken: { maxSessions: 0 } }, 'refreshToken.maxSessions', `${range(1, 10_000)} 0`],
    [{ refreshToken: { maxSessions: 10_001 } }, 'refreshToken.maxSessions', `${range(1, 10_000)} 10001`],
    [{ refreshToken: { mayWidenScope: 1 } }, 'refreshToken.mayWidenScope', 'must be true or false: received 1'],
    [
      { refreshToken: { mayWidenScope: true } },
      'refreshToken.mayWidenScope',
      'must be false without "refreshToken.claims": received true'
    ],
    [{ refreshToken: { lateRetries: 0.5 } }, 'refreshToken.lateRetries', `${range(0, 100)} 0.5`],
    [{ refreshToken: { lateRetries: 101 } }, 'refreshToken.lateRetries', `${range(0, 100)} 101`],
    [{ refreshToken: { claims: undefined } }, 'refreshToken.claims', lost],
    [{ refreshToken: { claims: {} } }, 'refreshToken.claims', 'must be a function: received an object'],
    [{ refreshToken: { claims: null } }, 'refreshToken.claims', 'must be a function: received null'],

    [{ cookies: true }, 'cookies', 'must be false or an object: received true'],
    [{ cookies: null }, 'cookies', 'must be false or an object: received null'],
    [{ cookies: [] }, 'cookies', 'must be false or an object: received a list'],
    [{ cookies: { path: '/' } }, 'cookies.path', 'is not an option'],
    [{ cookies: { httpOnly: false } }, 'cookies.httpOnly', 'is not an option'],
    ...['', 7].map((access): [Record<string, unknown>, string, string] => [
      { cookies: { access } },
      'cookies.access',
      `${nonEmpty} ${JSON.stringify(access)}`
    ]),
    ...['a b', 'a=b', 'a;', 'a,b', 'ä', '"a"', 'a\r\n'].map((access): [Record<string, unknown>, string, string] => [
      { cookies: { access } },
      'cookies.access',
      cookieName
    ]),
    [{ cookies: { refresh: 'a b' } }, 'cookies.refresh', cookieName],
    [{ cookies: { refresh: '__Host-access' } }, 'cookies.refresh', 'must differ from "cookies.access"'],
    [
      { cookies: { secure: false, access: '__Host-a' } },
      'cookies.access',
      'must not begin with "__Host-" when "cookies.domain" is set or "cookies.secure" is false'
    ],
    [
      { cookies: { domain: 'example.com', refresh: '__HOST-r' } },
      'cookies.refresh',
      'must not begin with "__Host-" when "cookies.domain" is set or "cookies.secure" is false'
    ],
    [
      { cookies: { secure: false, access: '__secure-a' } },
      'cookies.access',
      'must not begin with "__Secure-" when "cookies.secure" is false'
    ],
    [{ cookies: { sameSite: 'Lax' } }, 'cookies.sameSite', 'must be one of lax, strict, none: received "Lax"'],
    [{ cookies: { sameSite: true } }, 'cookies.sameSite', 'must be one of lax, strict, none: received true'],
    [{ cookies: { sameSite: null } }, 'cookies.sameSite', 'must be one of lax, strict, none: received null'],
    [
      { cookies: { sameSite: 'none', secure: false } },
      'cookies.sameSite',
      'must not be "none" when "cookies.secure" is false'
    ],
    [{ cookies: { domain: '' } }, 'cookies.domain', `${nonEmpty} ""`],
    ...[
      '.example.com',
      'example.com.',
      'https://example.com',
      'a b',
      '-a',
      'example.com; Path=/x',
      '*.example.com'
    ].map((domain): [Record<string, unknown>, string, string] => [
      { cookies: { domain } },
      'cookies.domain',
      'must be a host name'
    ]),
    [{ cookies: { partitioned: 'yes' } }, 'cookies.partitioned', 'must be true or false: received "yes"'],
    ...[{}, { sameSite: 'lax' }, { sameSite: 'strict' }].map((rest): [Record<string, unknown>, string, string] => [
      { cookies: { ...rest, partitioned: true } },
      'cookies.partitioned',
      'must not be true unless "cookies.sameSite" is "none"'
    ]),
    [{ cookies: { secure: 'yes' } }, 'cookies.secure', 'must be true or false: received "yes"'],
    [{ cookies: { renew: 1 } }, 'cookies.renew', 'must be true or false: received 1'],

    [{ trustedOrigins: 'https://app.example.com' }, 'trustedOrigins', `${originList} "https://app.example.com"`],
    [{ trustedOrigins: null }, 'trustedOrigins', `${originList} null`],
    [{ trustedOrigins: async () => true }, 'trustedOrigins', `${originList} an async one`],
    [{ trustedOrigins: function* () {} }, 'trustedOrigins', `${originList} an async one`],
    [{ trustedOrigins: [/x/] }, 'trustedOrigins.0', 'must be a string: received a RegExp'],
    ...[
      ['', ''],
      ['*', '. To accept a pattern, give a function'],
      ['null', ''],
      ['app.example.com', ''],
      ['https://', ''],
      ['https://a.example/', '. Its origin is "https://a.example"'],
      ['https://a.example/path', '. Its origin is "https://a.example"'],
      ['https://a.example?x', '. Its origin is "https://a.example"'],
      ['https://*.example.com', '. To accept a pattern, give a function'],
      ['https://A.example', '. Its origin is "https://a.example"'],
      ['https://a.example:443', '. Its origin is "https://a.example"'],
      ['https://u@a.example', '. Its origin is "https://a.example"'],
      ['https://a.example, https://b.example', ''],
      ['wss://a.example', ''],
      ['ftp://a.example', ''],
      ['file:///x', ''],
      ['file://', ''],
      ['file://host', ''],
      ['data:x', ''],
      ['data://x', ''],
      ['blob:https://a.example/x', ''],
      ['javascript://x', ''],
      ['about:blank', ''],
      ['localhost:3000', ''],
      ['capacitor://', ''],
      ['capacitor:localhost', ''],
      ['capacitor://*', '. To accept a pattern, give a function'],
      ['capacitor://localhost/', '. Its origin is "capacitor://localhost"'],
      ['capacitor://localhost?', '. Its origin is "capacitor://localhost"'],
      ['capacitor://localhost#x', '. Its origin is "capacitor://localhost"'],
      ['capacitor://u@localhost', '. Its origin is "capacitor://localhost"'],
      ['capacitor://localhost:080', '. Its origin is "capacitor://localhost:80"'],
      ['Capacitor://localhost', '. Its origin is "capacitor://localhost"'],
      ['capacitor://loc alhost', ''],
      [' capacitor://localhost', '. Its origin is "capacitor://localhost"']
    ].map(([text, remedy]): [Record<string, unknown>, string, string] => [
      { trustedOrigins: ['https://ok.example', text] },
      'trustedOrigins.1',
      `${origin} ${JSON.stringify(text).replace('u@', '…@')}${remedy}`
    ]),

    [{ store: {} }, 'store', 'must be a SessionStore, such as postgresStore(pool)'],
    [{ store: 'memory' }, 'store', 'must be a SessionStore, such as postgresStore(pool)'],
    [{ store: memoryStore }, 'store', 'must be a SessionStore, such as postgresStore(pool)'],

    [{ revocation: false }, 'revocation', 'must be an object: received false'],
    [{ revocation: { poll: 1 } }, 'revocation.poll', 'is not an option'],
    [{ revocation: { pollSeconds: 0 } }, 'revocation.pollSeconds', `${range(1, 3600)} 0`],
    [{ revocation: { pollSeconds: 3601 } }, 'revocation.pollSeconds', `${range(1, 3600)} 3601`],
    [{ revocation: { maxStalenessSeconds: 0 } }, 'revocation.maxStalenessSeconds', `${from1} 0`],
    [{ revocation: { whenStale: undefined } }, 'revocation.whenStale', lost],
    [
      { revocation: { whenStale: 'ignore' } },
      'revocation.whenStale',
      'must be one of accept, refuse, ask: received "ignore"'
    ],

    [{ jwks: true }, 'jwks', 'must be false or an object: received true'],
    [{ jwks: { url: '/x' } }, 'jwks.url', 'is not an option'],
    [{ jwks: { path: 'jwks.json' } }, 'jwks.path', 'must start with "/": received "jwks.json"'],
    [{ jwks: { path: '' } }, 'jwks.path', 'must start with "/": received ""'],
    [{ metadata: true }, 'metadata', 'must be false or an object: received true'],
    [{ metadata: { issuer } }, 'metadata.issuer', 'is not an option'],
    [{ metadata: { openidConfiguration: 'x' } }, 'metadata.openidConfiguration', 'must be true or false: received "x"'],
    [{ metadata: {} }, 'metadata', 'requires public keys: "keys" has no asymmetric key'],
    [{ resources: {} }, 'resources', 'must be a list: received an object'],
    [{ resources: [{}] }, 'resources.0.url', 'is missing'],
    [{ protect: undefined }, 'protect', lost],
    [{ protect: 'none' }, 'protect', 'must be one of declared, all: received "none"'],
    [{ protect: true }, 'protect', 'must be one of declared, all: received true'],
    [{ protect: null }, 'protect', 'must be one of declared, all: received null'],
    [{ realm: '' }, 'realm', `${nonEmpty} ""`],
    [{ realm: 'ä' }, 'realm', 'must be printable ASCII (it defaults to "issuer")'],
    [{ realm: 'a\r\nSet-Cookie: x' }, 'realm', 'must be printable ASCII (it defaults to "issuer")'],
    [{ issuer: 'https://ä.example' }, 'realm', 'must be printable ASCII (it defaults to "issuer")'],
    [{ onEvent: 'log' }, 'onEvent', 'must be a function: received "log"'],
    [{ clock: 0 }, 'clock', 'must be a function: received 0']
  ]
  for (const [wrong, name, problem] of rows) {
    const message = `Cannot register fastify-authenticate: "${name}" ${problem}`
    await t.rejects(register({ ...base, ...wrong }), { name: 'TypeError', message }, message.slice(37))
  }
  for (const nothing of [undefined, null, {}]) {
    await t.rejects(register(nothing), {
      name: 'TypeError',
      message: 'Cannot register fastify-authenticate: "issuer" is missing'
    })
  }

  t.strictSame(
    [...new Set(rows.map(([, name]) => name.split('.')[0]))]
      .filter((name) => name !== 'isuer' && name !== 'accessTokens')
      .sort(),
    [...Object.keys(optionsShape.members), 'store'].sort(),
    'every option has a row'
  )
})

t.test('no message contains a secret or a key', async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const jwk = jwkOf(privateKey)
  const hidden = 'hidden-hidden'
  const wrong: [unknown, string][] = [
    [{ issuer, secret: hidden }, hidden],
    [{ issuer, secret: [secret, hidden] }, hidden],
    [{ issuer, secret: [secret, secret] }, secret],
    [{ issuer, secret: Buffer.from(hidden) }, hidden],
    [{ issuer, secret: `-----BEGIN ${hidden}${hidden}${hidden}` }, hidden],
    [{ issuer, secret: { hidden } }, hidden],
    [{ ...base, keys: [{ key: hidden }] }, hidden],
    [{ ...base, keys: [{ key: pem.replace('PRIVATE', 'SECRET') }] }, pem.split('\n')[1]!],
    [{ ...base, keys: [{ key: pem, alg: 'ES256' }] }, pem.split('\n')[1]!],
    [{ ...base, keys: [{ key: pem }, { key: pem }] }, pem.split('\n')[1]!],
    [{ ...base, keys: [{ key: { ...jwk, use: 'enc' } }] }, jwk.d!],
    [{ ...base, keys: [{ key: { ...jwk, x: 'AAAA' } }] }, jwk.d!],
    [{ ...base, keys: [{ key: { kty: 'oct', k: hidden } }] }, hidden],
    [{ ...base, keys: [{ key: [pem] }] }, pem.split('\n')[1]!],
    [{ ...base, keys: [{ key: 'my-key', kid: pem.repeat(3) }] }, pem.split('\n')[1]!],
    [{ ...base, keys: pem }, pem.split('\n')[1]!],
    [{ ...base, keys: [pem] }, pem.split('\n')[1]!],
    [{ ...base, keys: { key: pem } }, pem.split('\n')[1]!]
  ]
  for (const [options, part] of wrong) {
    const error = await register(options).then(
      () => null,
      (error: Error) => error
    )
    t.match(error, { name: 'TypeError', message: /^Cannot register fastify-authenticate: "(secret|keys)/ })
    t.notOk(`${error?.message} ${error?.stack} ${String(error?.cause)}`.includes(part), error!.message)
  }
})
