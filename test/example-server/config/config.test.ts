import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import type { ConfigError } from '../../../example-server/config/variables.ts'
import { production } from '../../fixtures/example-client.ts'

const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const strong = production.AUTH_SECRET
const newer = 'vutsrqponmlkjihgfedcba9876543210'

t.test('readConfig() names every wrong variable, one line each, and never shows a secret', async (t) => {
  const dir = t.testdir({
    'cert.pem': 'no certificate',
    'key.pem': pem,
    hush: 'short',
    empty: '\n'
  })
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const rows: [Record<string, string>, RegExp][] = [
    [{ NODE_ENV: 'prodution' }, /^NODE_ENV must be one of production, development, test: received "prodution"$/],
    [{ HOST: 'not a host' }, /^HOST must be a host name or an IP address/],
    [{ PORT: '65536' }, /^PORT must be a whole number between 0 and 65535: received "65536"$/],
    [{ PORT: '-1' }, /^PORT/],
    ...['mysql://u:hush@db/x', 'postgres://u:hush@db', 'postgres://u:hu#sh@db/x', 'postgres:///hush', 'hush'].map(
      (url): [Record<string, string>, RegExp] => [
        { DATABASE_URL: url },
        /^DATABASE_URL must be a URL such as postgres:\/\/user:password@host:5432\/database, [\w -]+$/
      ]
    ),
    ...[
      'https://:hush@cache',
      'redis://:hush@cache/x',
      'redis://:hu/sh@cache',
      'redis:hush',
      'unix:hush',
      'unix://hush/x'
    ].map((url): [Record<string, string>, RegExp] => [{ REDIS_URL: url }, /^REDIS_URL must be a URL such as rediss:/]),
    [{ DATABASE_POOL_SIZE: '1' }, /^DATABASE_POOL_SIZE must be a whole number between 2 and 1000: received "1"$/],
    [{ AUTH_ISSUER: 'api.example.com' }, /^AUTH_ISSUER must be an http/],
    [
      { AUTH_SECRET: 'hush' },
      /^AUTH_SECRET must be at least 32 random bytes with 10 different characters, such as .*, the newest first$/
    ],
    [{ AUTH_SECRET: 'x'.repeat(40) }, /^AUTH_SECRET/],
    [{ AUTH_SECRET: '123456789'.repeat(4) }, /^AUTH_SECRET/],
    [{ AUTH_SECRET: `${strong},hush` }, /^AUTH_SECRET/],
    [{ AUTH_SECRET: `${strong},` }, /^AUTH_SECRET/],
    [{ AUTH_SECRET_FILE: join(dir, 'hush') }, /^AUTH_SECRET must be at least/],
    [
      { AUTH_SECRET_FILE: join(dir, 'none') },
      new RegExp(`^AUTH_SECRET_FILE must be a readable file: received "${dir}/none"$`)
    ],
    [
      { ...production, AUTH_SECRET: '', AUTH_SECRET_FILE: join(dir, 'empty') },
      new RegExp(`^AUTH_SECRET_FILE must not name an empty file: received "${dir}/empty"$`)
    ],
    [{ AUTH_SECRET: strong, AUTH_SECRET_FILE: key }, /^AUTH_SECRET and AUTH_SECRET_FILE must not both be set$/],
    ...['hush', '[]', '{}', '[{"key":"hush"}]', '-----BEGIN hush', 'null'].map(
      (keys): [Record<string, string>, RegExp] => [
        { AUTH_KEYS: keys },
        /^AUTH_KEYS must be a private key in PEM, or a JSON list of { "key": PEM, "state": .* }$/
      ]
    ),
    [{ AUTH_KEYS: JSON.stringify([{ key: pem, state: 'former' }]) }, /^AUTH_KEYS must be/],
    [{ AUTH_KEYS: pem, AUTH_KEYS_DIR: dir }, /^AUTH_KEYS and AUTH_KEYS_DIR must not both be set$/],
    [
      { ...production, AUTH_KEYS_DIR: dir },
      /^AUTH_KEYS_DIR must contain keys.json, which npm run keys:rotate creates, readable by this user: received "/
    ],
    [
      { ...production, AUTH_ISSUER: 'http://api.example.com' },
      /^AUTH_ISSUER must be an https URL in production: received "http:\/\/api.example.com"$/
    ],
    ...['smtp.example.com', 'http://hush@mail', 'smtp://', 'smtp://u:hu#sh@mail/path'].map(
      (url): [Record<string, string>, RegExp] => [
        { SMTP_URL: url, MAIL_FROM: 'a@example.com' },
        /^SMTP_URL must be a URL such as smtps:\/\/user:password@host or smtp:\/\/host:587, with its [\w -]+$/
      ]
    ),
    [{ SMTP_URL: 'smtp://mail' }, /^MAIL_FROM is required when SMTP_URL is set$/],
    ...['example.com', 'a@b, c@d', 'A <a@b', 'A <a@b>\nBcc: c@d'].map((from): [Record<string, string>, RegExp] => [
      { SMTP_URL: 'smtp://mail', MAIL_FROM: from },
      /^MAIL_FROM must be an address such as no-reply@example.com, or Example <no-reply@example.com>: received "/
    ]),
    [{ DEMO_PASSWORD: 'hush' }, /^DEMO_PASSWORD must be 8 to 256 characters$/],
    [{ ALLOW_REGISTRATION: 'yes' }, /^ALLOW_REGISTRATION must be true or false: received "yes"$/],
    [{ TRUSTED_ORIGINS: 'https://a.example, https://b.example/' }, /^TRUSTED_ORIGINS must be/],
    [{ TRUSTED_ORIGINS: 'https://*.example.com' }, /^TRUSTED_ORIGINS/],
    [{ TRUSTED_ORIGINS: 'capacitor://localhost/' }, /^TRUSTED_ORIGINS/],
    [{ TRUSTED_ORIGINS: 'capacitor://' }, /^TRUSTED_ORIGINS/],
    [{ TRUSTED_ORIGINS: '*' }, /^TRUSTED_ORIGINS/],
    [{ TRUSTED_ORIGINS: 'null' }, /^TRUSTED_ORIGINS/],
    [{ TRUST_PROXY: '1' }, /^TRUST_PROXY must be/],
    [{ TRUST_PROXY: '10.0.0.0/33' }, /^TRUST_PROXY/],
    ...[
      'true',
      '0.0.0.0/0',
      '10.0.0.1, ::/0',
      '128.0.0.0/1',
      '::ffff:0:0/96',
      '::ffff:128.0.0.0/97',
      '2000::/3',
      '0::0/0',
      '::/64'
    ].map((everyone): [Record<string, string>, RegExp] => [
      { ...production, TRUST_PROXY: everyone },
      /^TRUST_PROXY must not trust every client in production: list only .* of your proxies, such as 10\.0\.0\.0\/8$/
    ]),
    [{ COOKIE_SECURE: '0' }, /^COOKIE_SECURE must be true or false/],
    [{ ...production, COOKIE_SECURE: 'false' }, /^COOKIE_SECURE must not be false in production$/],
    [{ TLS_CERT_FILE: join(dir, 'none') }, /^TLS_CERT_FILE must be a readable file/],
    [{ TLS_CERT_FILE: cert }, /^TLS_KEY_FILE is required when TLS_CERT_FILE is set$/],
    [{ TLS_KEY_FILE: key }, /^TLS_CERT_FILE is required when TLS_KEY_FILE is set$/],
    [{ TLS_CERT_FILE: cert, TLS_KEY_FILE: key }, /^TLS_CERT_FILE and TLS_KEY_FILE must be a certificate and its key/],
    [{ ACCESS_TOKEN_SECONDS: '0' }, /^ACCESS_TOKEN_SECONDS must be a whole number between 1 and 86400/],
    [{ ACCESS_TOKEN_SECONDS: '1e2' }, /^ACCESS_TOKEN_SECONDS/],
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be one of/]
  ]
  for (const [env, line] of rows) {
    try {
      readConfig(env)
      t.fail(`${JSON.stringify(env)} was accepted`)
    } catch (error) {
      const { problems } = error as ConfigError
      t.equal(problems.length, 1, JSON.stringify(env))
      t.match(problems[0], line)
      t.notMatch(problems[0], /hush/, 'the message does not show a secret')
    }
  }
  t.strictSame(readConfig({ PORT: '', NODE_ENV: '' }), readConfig({}), 'an empty variable counts as absent')
})

t.test('readConfig() has the documented defaults, in development and in production', async (t) => {
  t.strictSame(
    { ...readConfig({}) },
    {
      production: false,
      dataDir: './data',
      databaseUrl: null,
      databasePoolSize: 20,
      redisUrl: null,
      host: '127.0.0.1',
      port: 3000,
      drainSeconds: 0,
      tls: null,
      trustProxy: false,
      issuer: 'http://localhost:3000',
      publicUrl: null,
      secrets: null,
      keys: null,
      keysDir: 'data/keys',
      accessTokenSeconds: 600,
      retrySeconds: 10,
      cookieSecure: true,
      trustedOrigins: [],
      allowRegistration: true,
      demoPassword: null,
      smtp: null,
      maxEventLoopDelayMs: 1000,
      metrics: true,
      logLevel: 'info',
      probeLogLevel: 'warn',
      warnings: []
    }
  )
  for (const own of ['10.0.0.0/8', 'fc00::/7', '::ffff:10.0.0.0/104', 'loopback', '203.0.113.7', 'false']) {
    t.doesNotThrow(() => readConfig({ ...production, TRUST_PROXY: own }), own)
  }
  t.match(readConfig({ TRUST_PROXY: 'true' }), { trustProxy: true })
  t.match(readConfig(production), {
    production: true,
    allowRegistration: false,
    cookieSecure: true,
    drainSeconds: 5,
    keys: null,
    keysDir: null,
    warnings: []
  })
  t.match(
    readConfig({
      TRUST_PROXY: '10.0.0.1, fd00::/8, loopback',
      TRUSTED_ORIGINS: 'https://a.example,http://localhost:8080, capacitor://localhost'
    }),
    {
      trustProxy: ['10.0.0.1', 'fd00::/8', 'loopback'],
      trustedOrigins: ['https://a.example', 'http://localhost:8080', 'capacitor://localhost']
    }
  )
  for (const [seconds, retry] of [
    [1, 0],
    [3, 1],
    [4, 2],
    [19, 9],
    [86400, 10]
  ]) {
    t.equal(
      readConfig({ ACCESS_TOKEN_SECONDS: String(seconds) }).retrySeconds,
      retry,
      "at most half of an access token's life"
    )
  }
})

t.test('readConfig() reads secrets from variables and from files, and keys as PEM or as keys.json', async (t) => {
  const dir = t.testdir({
    secret: `${newer},${strong}\n`,
    windows: `${strong}\r\n`,
    lines: `${strong}\n\n`,
    key: pem,
    url: 'redis://cache\n',
    'keys.json': '[]'
  })
  const previous = createPublicKey(pem).export({ type: 'spki', format: 'pem' })
  const list = [
    { state: 'active', since: '2026-01-01T00:00:00Z', key: pem },
    { state: 'previous', since: '2026-01-01T00:00:00Z', key: previous }
  ]
  const rows: [Record<string, string>, object][] = [
    [{ AUTH_SECRET: strong }, { secrets: [strong] }],
    [{ AUTH_SECRET: `${newer}, ${strong}` }, { secrets: [newer, strong] }],
    [{ AUTH_SECRET_FILE: join(dir, 'secret') }, { secrets: [newer, strong] }],
    [{ AUTH_SECRET_FILE: join(dir, 'windows') }, { secrets: [strong] }],
    [{ AUTH_SECRET_FILE: join(dir, 'lines') }, { secrets: [strong] }],
    [{ REDIS_URL_FILE: join(dir, 'url') }, { redisUrl: 'redis://cache' }],
    [{ AUTH_KEYS: pem }, { keys: [{ key: pem, state: 'active' }], keysDir: null }],
    [{ AUTH_KEYS: pem.replaceAll('\n', '\\n') }, { keys: [{ key: pem, state: 'active' }] }],
    [{ AUTH_KEYS_FILE: join(dir, 'key') }, { keys: [{ key: pem.trimEnd(), state: 'active' }] }],
    [
      { AUTH_KEYS: JSON.stringify(list) },
      {
        keys: [
          { key: pem, state: 'active' },
          { key: previous, state: 'previous' }
        ]
      }
    ],
    [
      { ...production, AUTH_KEYS_DIR: dir },
      { keys: null, keysDir: dir }
    ],
    [
      { ...production, AUTH_SECRET: '', AUTH_SECRET_FILE: join(dir, 'secret') },
      { production: true, secrets: [newer, strong] }
    ]
  ]
  for (const [env, expected] of rows) t.match(readConfig(env), expected)
})

t.test('readConfig() warns of variables that have no effect, and they do not stop the start', async (t) => {
  const service = { AUTH_PORT: 'tcp://10.0.0.7:80', AUTH_SERVICE_HOST: '10.0.0.7', AUTH_EMPTY: '', OAUTH_URL: 'x' }
  t.strictSame(readConfig({ ...service, AUTH_SECRETS: strong }).warnings, [
    'unknown variables are ignored: AUTH_PORT, AUTH_SECRETS, AUTH_SERVICE_HOST'
  ])
  t.strictSame(readConfig({ ...production, DEMO_PASSWORD: 'a good password' }).warnings, [
    'DEMO_PASSWORD is ignored: production has no demo users'
  ])
})
