import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { isPassword } from '../passwords/password-rule.ts'
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
import { createVariables, type Variables } from './variables.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const secret: Reader<string> = {
  must: 'be at least 32 random bytes, such as the output of: openssl rand -base64 32',
  read: (given) => (Buffer.byteLength(given) >= 32 && new Set(given).size > 1 ? given : undefined)
}

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
  const required = (name: string) => {
    if (production && !isSet(name)) problems.push(`${name} is required in production`)
  }

  required('AUTH_ISSUER')
  required('AUTH_SECRET')
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
    redisUrl: read('REDIS_URL', redisUrl) ?? null,
    host: read('HOST', host) ?? '127.0.0.1',
    port: read('PORT', whole(0, 65_535)) ?? 3000,
    /** How long a server that stops still serves requests, so that load balancers notice. */
    drainSeconds: read('DRAIN_SECONDS', whole(0, 300)) ?? (production ? 5 : 0),
    tls: readTls(variables),
    trustProxy,
    issuer: read('AUTH_ISSUER', issuer) ?? 'http://localhost:3000',
    /** `null` (only outside production): a random secret is created once and kept in `dataDir`. */
    secret: read('AUTH_SECRET', secret) ?? null,
    accessTokenSeconds,
    // A tab that waits for another tab's refresh must not wait longer than its own token is valid.
    retrySeconds: Math.min(10, Math.floor(accessTokenSeconds / 2)),
    cookieSecure,
    trustedOrigins: read('TRUSTED_ORIGINS', origins) ?? [],
    allowRegistration: read('ALLOW_REGISTRATION', flag) ?? !production,
    demoPassword: read('DEMO_PASSWORD', demoPassword) ?? null,
    metrics: read('METRICS', flag) ?? true,
    logLevel,
    // Probes come every few seconds: only failed ones are worth a line.
    probeLogLevel: logLevel === 'trace' || logLevel === 'debug' || logLevel === 'info' ? ('warn' as const) : logLevel
  })
}

export type Config = ReturnType<typeof readConfig>

/** The part of the configuration that the commands need. */
export function readDatabaseConfig(env: Environment = process.env) {
  const variables = createVariables(env)
  // Redis holds only sessions and counters, which the commands do not use.
  return variables.finish({ ...readDatabase(variables), redisUrl: null })
}

function readDatabase({ read }: Variables) {
  return {
    production: (read('NODE_ENV', oneOf(['production', 'development', 'test'])) ?? 'development') === 'production',
    dataDir: read('DATA_DIR', text) ?? './data',
    /** `null` means SQLite in `dataDir`. */
    databaseUrl: read('DATABASE_URL', postgresUrl) ?? null
  }
}

function readTls({ read, problems }: Variables): { cert: Buffer; key: Buffer } | null {
  const cert = read('TLS_CERT_FILE', file) ?? null
  const key = read('TLS_KEY_FILE', file) ?? null
  if (cert === null && key === null) return null
  if (cert === null || key === null) {
    const [missing, other] = cert === null ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE']
    if (!problems.some((problem) => problem.startsWith(missing))) {
      problems.push(`${missing} is required when ${other} is set`)
    }
    return null
  }
  try {
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problems.push(`TLS_CERT_FILE and TLS_KEY_FILE must be a certificate and its key in PEM (${code})`)
    return null
  }
}

const file: Reader<Buffer> = {
  must: 'be a readable file',
  read(path) {
    try {
      return readFileSync(path)
    } catch {
      return undefined
    }
  }
}
