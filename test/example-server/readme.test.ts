import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { readConfig } from '../../example-server/config/config.ts'
import { readVariables } from '../fixtures/read-variables.ts'
import { createAuthEvents } from '../../example-server/operations/auth-events.ts'
import { createMetrics } from '../../example-server/operations/metrics.ts'

const readme = readFileSync('example-server/README.md', 'utf8')

/** The rows of the table whose first column has this heading. */
function table(heading: string): string[][] {
  const [, body = ''] = new RegExp(`^\\| ${heading} \\|.*\\n\\| ---.*\\n((?:\\|.*\\n)+)`, 'm').exec(readme) ?? []
  return body
    .trim()
    .split('\n')
    .map((row) => row.slice(2, -2).split(' | '))
}

const unquote = (cell: string) => /^`([^`]*)`/.exec(cell)?.[1]

t.test('the README has a row for every variable that readConfig() reads, and no other', async (t) => {
  const read = readVariables()
  const rows = table('variable').flatMap(([names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  t.strictSame(rows.sort(), [...read].sort())
})

t.test('the README has the defaults of readConfig()', async (t) => {
  const config = readConfig({})
  const documented = Object.fromEntries(
    table('variable').map(([name = '', , value = '']) => [unquote(name), unquote(value)])
  )
  t.match(documented, {
    NODE_ENV: 'development',
    HOST: config.host,
    PORT: String(config.port),
    DATA_DIR: config.dataDir,
    AUTH_ISSUER: config.issuer,
    ACCESS_TOKEN_SECONDS: String(config.accessTokenSeconds),
    COOKIE_SECURE: String(config.cookieSecure),
    TRUST_PROXY: String(config.trustProxy),
    ALLOW_REGISTRATION: String(config.allowRegistration),
    METRICS: String(config.metrics),
    LOG_LEVEL: config.logLevel
  })
})

t.test('the README has a row for every metric of the server, and no other', async (t) => {
  const metrics = createMetrics({
    events: createAuthEvents(),
    passwords: { load: () => ({ running: 0, waiting: 0 }) },
    liveSockets: { count: () => 0 }
  })
  const names = [...(await metrics.text()).matchAll(/^# TYPE (\w+) /gm)]
    .map(([, name]) => name!)
    .filter((name) => !/^(process|nodejs)_/.test(name))
  t.strictSame(
    table('metric')
      .map(([name = '']) => unquote(name))
      .sort(),
    names.sort()
  )
})

t.test('every file and folder that the README names exists', async (t) => {
  for (const [names = ''] of table('folder')) {
    for (const [, name] of names.matchAll(/`([^`]+)`/g)) t.ok(existsSync(`example-server/${name}`), name!)
  }
})
