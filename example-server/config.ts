import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { isPassword } from './password-rule.ts'
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
  type Kind
} from './variables.ts'

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const secret: Kind<string> = {
  must: 'be at least 32 bytes, and random: openssl rand -base64 32',
  read: (given) => (Buffer.byteLength(given) >= 32 && new Set(given).size > 1 ? given : undefined)
}

const demoPassword: Kind<string> = {
  must: 'be 8 to 256 characters',
  read: (given) => (isPassword(given) ? given : undefined)
}

/** Their values never show in a message. */
const secretNames = new Set(['AUTH_SECRET', 'DEMO_PASSWORD', 'DATABASE_URL', 'REDIS_URL'])

/** What is wrong with the environment: one line each, all of them at once. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.map((problem) => `Cannot start: ${problem}`).join('\n'))
    this.problems = problems
  }
}

/** A variable that is empty counts as absent. */
function createReader(env: Environment) {
  const problems: string[] = []

  return {
    problems,
    isSet: (name: string): boolean => (env[name] ?? '') !== '',
    read<T, F>(name: string, kind: Kind<T>, absent: F): T | F {
      const given = env[name] ?? ''
      if (given === '') return absent
      const value = kind.read(given)
      if (value === undefined) {
        problems.push(`${name} must ${kind.must}${secretNames.has(name) ? '' : `: received ${JSON.stringify(given)}`}`)
      }
      return value ?? absent
    },
    settle<T extends object>(config: T): Readonly<T> {
      if (problems.length > 0) throw new ConfigError(problems)
      return Object.freeze(config)
    }
  }
}

type Reader = ReturnType<typeof createReader>

/**
 * Reads the environment: the only place that does.
 * @throws ConfigError that names every variable that is wrong
 */
export function readConfig(env: Environment = process.env) {
  const reader = createReader(env)
  const { read, isSet, problems } = reader
  const database = readDatabase(reader)
  const { production } = database
  const required = (name: string) => {
    if (production && !isSet(name)) problems.push(`${name} is required in production`)
  }

  required('AUTH_ISSUER')
  required('AUTH_SECRET')
  const cookieSecure = read('COOKIE_SECURE', flag, true)
  if (production && !cookieSecure) problems.push('COOKIE_SECURE must not be false in production')
  const trustProxy = read('TRUST_PROXY', proxies, false)
  if (production && trustsClients(trustProxy)) {
    problems.push(
      'TRUST_PROXY must not be everyone in production: ' +
        'name only the addresses or networks of your proxies, such as 10.0.0.0/8'
    )
  }
  const logLevel = read('LOG_LEVEL', oneOf(logLevels), 'info')
  const accessTokenSeconds = read('ACCESS_TOKEN_SECONDS', whole(1, 86_400), 600)

  return reader.settle({
    ...database,
    redisUrl: read('REDIS_URL', redisUrl, null),
    host: read('HOST', host, '127.0.0.1'),
    port: read('PORT', whole(0, 65_535), 3000),
    tls: readTls(reader),
    trustProxy,
    issuer: read('AUTH_ISSUER', issuer, 'http://localhost:3000'),
    /** `null`: made once and kept in `dataDir`, outside production. */
    secret: read('AUTH_SECRET', secret, null),
    accessTokenSeconds,
    // A tab that waits for another one's refresh must not wait longer than its own token lives.
    retrySeconds: Math.min(10, Math.floor(accessTokenSeconds / 2)),
    cookieSecure,
    trustedOrigins: read('TRUSTED_ORIGINS', origins, []),
    allowRegistration: read('ALLOW_REGISTRATION', flag, !production),
    demoPassword: read('DEMO_PASSWORD', demoPassword, null),
    metrics: read('METRICS', flag, true),
    logLevel,
    // Probes come every few seconds: only what is wrong is worth a line, where that is logged at all.
    probeLogLevel: logLevel === 'trace' || logLevel === 'debug' || logLevel === 'info' ? ('warn' as const) : logLevel
  })
}

export type Config = ReturnType<typeof readConfig>

/** The part that `user-add.ts` needs too. */
export function readDatabaseConfig(env: Environment = process.env) {
  const reader = createReader(env)
  // Users are not in Redis.
  return reader.settle({ ...readDatabase(reader), redisUrl: null })
}

function readDatabase({ read }: Reader) {
  return {
    production: read('NODE_ENV', oneOf(['production', 'development', 'test']), 'development') === 'production',
    dataDir: read('DATA_DIR', text, './data'),
    /** `null`: SQLite in `dataDir`. */
    databaseUrl: read('DATABASE_URL', postgresUrl, null)
  }
}

function readTls({ read, problems }: Reader): { cert: Buffer; key: Buffer } | null {
  const cert = read('TLS_CERT_FILE', file, null)
  const key = read('TLS_KEY_FILE', file, null)
  if (cert === null && key === null) return null
  if (cert === null || key === null) {
    const [missing, other] = cert === null ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE']
    if (!problems.some((problem) => problem.startsWith(missing))) {
      problems.push(`${missing} is required beside ${other}`)
    }
    return null
  }
  try {
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (error) {
    problems.push(
      `TLS_CERT_FILE and TLS_KEY_FILE must be a certificate and its key in PEM (${(error as NodeJS.ErrnoException).code})`
    )
    return null
  }
}

const file: Kind<Buffer> = {
  must: 'be a file that can be read',
  read(path) {
    try {
      return readFileSync(path)
    } catch {
      return undefined
    }
  }
}
