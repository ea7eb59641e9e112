import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { keysFileIn } from '../keys/key-file.ts'
import { isPassword } from '../passwords/password-rule.ts'
import { keys, secrets } from './secrets.ts'
import {
  flag,
  host,
  issuer,
  oneOf,
  origins,
  postgresUrl,
  proxies,
  redisUrl,
  text,
  trustsClients,
  whole,
  type Environment,
  type Reader
} from './readers.ts'
import { readTls } from './tls.ts'
import { readSmtp } from './smtp.ts'
import { createVariables, type Variables } from './variables.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const demoPassword: Reader<string> = {
  must: 'be 8 to 256 characters',
  read: (given) => (isPassword(given) ? given : undefined)
}

/**
 * Reads the environment; no other file does. `example-server/README.md` lists the variables.
 * @throws ConfigError with one line for each wrong variable
 */
export function readConfig(env: Environment = process.env) {
  const variables = createVariables(env)
  const { read, isSet, problems } = variables
  const database = readDatabase(variables)
  const { production } = database
  const issuerUrl = readIssuer(variables, database)
  if (production && !isSet('AUTH_SECRET')) problems.push('AUTH_SECRET is required in production')
  const signing = readKeys(variables, database)
  const { keysDir } = signing
  if (production && keysDir !== null && !existsSync(keysFileIn(keysDir))) {
    problems.push(
      'AUTH_KEYS_DIR must contain keys.json, which npm run keys:rotate creates, readable by this user: ' +
        `received "${keysDir}"`
    )
  }
  const cookieSecure = read('COOKIE_SECURE', flag) ?? true
  if (production && !cookieSecure) problems.push('COOKIE_SECURE must not be false in production')
  const trustProxy = read('TRUST_PROXY', proxies) ?? false
  if (production && trustsClients(trustProxy)) {
    problems.push(
      'TRUST_PROXY must not trust every client in production: ' +
        'list only the addresses or networks of your proxies, such as 10.0.0.0/8'
    )
  }
  const logLevel = read('LOG_LEVEL', oneOf(logLevels)) ?? 'info'
  const accessTokenSeconds = read('ACCESS_TOKEN_SECONDS', whole(1, 86_400)) ?? 600

  return variables.finish({
    ...database,
    redisUrl: readRedisUrl(variables),
    host: read('HOST', host) ?? '127.0.0.1',
    port: read('PORT', whole(0, 65_535)) ?? 3000,
    /** How long a server that stops still serves requests, so that load balancers notice. */
    drainSeconds: read('DRAIN_SECONDS', whole(0, 300)) ?? (production ? 5 : 0),
    tls: readTls(variables),
    trustProxy,
    issuer: issuerUrl,
    /** Where browsers reach the server; `null` (only outside production): at localhost, on the port it listens on. */
    publicUrl: isSet('AUTH_ISSUER') ? issuerUrl : null,
    /** `null` (only outside production): a random secret is created once and kept in `dataDir`. */
    secrets: read('AUTH_SECRET', secrets) ?? null,
    ...signing,
    accessTokenSeconds,
    // A tab that waits for another tab's refresh must not wait longer than its own token is valid.
    retrySeconds: Math.min(10, Math.floor(accessTokenSeconds / 2)),
    cookieSecure,
    trustedOrigins: read('TRUSTED_ORIGINS', origins) ?? [],
    allowRegistration: read('ALLOW_REGISTRATION', flag) ?? !production,
    demoPassword: read('DEMO_PASSWORD', demoPassword) ?? null,
    /** `null`: in production the server sends no mails; otherwise it writes them to its log. */
    smtp: readSmtp(variables),
    metrics: read('METRICS', flag) ?? true,
    maxEventLoopDelayMs: read('MAX_EVENT_LOOP_DELAY_MS', whole(0, 60_000)) ?? 1000,
    logLevel,
    // Probes come every few seconds: only failed ones are worth a line.
    probeLogLevel: logLevel === 'trace' || logLevel === 'debug' || logLevel === 'info' ? ('warn' as const) : logLevel,
    warnings: warningsOf(variables, database)
  })
}

export type Config = ReturnType<typeof readConfig>

function readRedisUrl({ read }: Variables): string | null {
  return read('REDIS_URL', redisUrl) ?? null
}

function readIssuer({ read, isSet, problems }: Variables, { production }: { production: boolean }): string {
  if (production && !isSet('AUTH_ISSUER')) problems.push('AUTH_ISSUER is required in production')
  const url = read('AUTH_ISSUER', issuer) ?? 'http://localhost:3000'
  if (production && isSet('AUTH_ISSUER') && url.startsWith('http:')) {
    problems.push(`AUTH_ISSUER must be an https URL in production: received ${JSON.stringify(url)}`)
  }
  return url
}

/** The part of the configuration that the commands need. */
export function readDatabaseConfig(env: Environment = process.env) {
  const variables = createVariables(env)
  // Redis holds only sessions and counters, which the commands do not use.
  return variables.finish({ ...readDatabase(variables), redisUrl: null })
}

/** The part of the configuration that a command needs to end sessions. */
export function readSessionsConfig(env: Environment = process.env) {
  const variables = createVariables(env)
  const database = readDatabase(variables)
  return variables.finish({ ...database, redisUrl: readRedisUrl(variables), issuer: readIssuer(variables, database) })
}

/** The part of the configuration that the rotation of keys needs. */
export function readKeysConfig(env: Environment = process.env) {
  const variables = createVariables(env)
  return variables.finish(readKeys(variables, readDatabase(variables)))
}

/** The keys that sign access tokens: a list, or a folder with a file; neither if the secret signs. */
function readKeys(
  { read, isSet, problems }: Variables,
  { production, dataDir }: { production: boolean; dataDir: string }
) {
  if (isSet('AUTH_KEYS') && isSet('AUTH_KEYS_DIR')) problems.push('AUTH_KEYS and AUTH_KEYS_DIR must not both be set')
  const list = read('AUTH_KEYS', keys) ?? null
  const folder = read('AUTH_KEYS_DIR', text) ?? (production ? null : join(dataDir, 'keys'))
  return { keys: list, keysDir: list === null ? folder : null }
}

/** Variables without an effect. Others may have set them, such as Kubernetes for a service named "auth". */
function warningsOf({ isSet, unknown }: Variables, { production }: { production: boolean }): string[] {
  const names = unknown('AUTH_')
  return [
    ...(isSet('MAIL_FROM') && !isSet('SMTP_URL') ? ['MAIL_FROM is ignored: SMTP_URL is not set'] : []),
    ...(names.length > 0 ? [`unknown variables are ignored: ${names.join(', ')}`] : []),
    ...(production && isSet('DEMO_PASSWORD') ? ['DEMO_PASSWORD is ignored: production has no demo users'] : [])
  ]
}

function readDatabase({ read }: Variables) {
  return {
    production: (read('NODE_ENV', oneOf(['production', 'development', 'test'])) ?? 'development') === 'production',
    dataDir: read('DATA_DIR', text) ?? './data',
    /** `null` means SQLite in `dataDir`. */
    databaseUrl: read('DATABASE_URL', postgresUrl) ?? null,
    databasePoolSize: read('DATABASE_POOL_SIZE', whole(2, 1000)) ?? 20
  }
}
