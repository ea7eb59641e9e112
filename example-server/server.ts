import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { readConfig } from './config/config.ts'
import { describeFailure } from './config/variables.ts'
import { openDatabase } from './database/database.ts'
import { describeDemo, seedDemoUsers } from './accounts/demo-users.ts'
import type { AppError } from './errors.ts'
import { createPrettyStream, isReadByPeople } from './operations/pretty-log.ts'
import { closeLimitMs, shutDown } from './operations/shutdown.ts'
import { createPasswords } from './passwords/passwords.ts'

/** How often the start asks a database that is unavailable. */
const retryMs = 1000

async function start(): Promise<void> {
  const config = readConfig()
  // The database opens while the application is loaded. A wrong configuration has been reported before.
  const [{ createApp }, database, passwords] = await Promise.all([
    import('./app.ts'),
    openDatabase(config),
    createPasswords()
  ])
  async function prepare(): Promise<string | null> {
    await database.ping()
    return config.production ? null : await seedDemoUsers({ config, users: database.users, passwords })
  }
  const stopping = new AbortController()
  const logStream = isReadByPeople(config) ? await createPrettyStream() : undefined
  const [{ demoPassword, unavailable }, app] = await Promise.all([
    prepare().then((demoPassword) => ({ demoPassword, unavailable: null }), assertUnavailable),
    createApp({ config, database, passwords, logStream, stopping: stopping.signal })
  ])
  const drainMs = config.drainSeconds * 1000
  // SIGHUP reloads the keys and the certificate, see `keys/key-file.ts` and `operations/tls.ts`.
  const skip = config.keysDir === null && config.tls === null ? [] : (['SIGHUP'] satisfies NodeJS.Signals[])
  closeWithGrace({ delay: drainMs + closeLimitMs, logger: app.log, skip }, async ({ err }) => {
    if (err) app.log.fatal(err)
    await shutDown({ app, passwords, stopping, drainMs: err ? 0 : drainMs })
  })

  await app.listen({ host: config.host, port: config.port })
  const { port } = app.server.address() as AddressInfo
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const url = `${config.tls ? 'https' : 'http'}://${host}:${port}`
  if (config.production) {
    // One JSON object a line, at every LOG_LEVEL.
    app.log.child({}, { level: 'info' }).info(`listening on ${url}`)
  } else {
    console.log(`Open this address in a browser: ${url}`)
    console.log(`listening on ${url}${demoPassword ? `\n${describeDemo(url, demoPassword)}` : ''}`)
  }
  if (unavailable === null) return

  app.log.warn(unavailable, 'the database is unavailable: the server runs without it until it is back')
  const prepared = await retryWhileUnavailable(prepare)
  app.log.warn('the database is available')
  if (prepared) console.log(describeDemo(url, prepared))
}

/** An unavailable database does not stop the start; any other error does. */
function assertUnavailable(error: unknown): { demoPassword: null; unavailable: unknown } {
  if ((error as Partial<AppError>).statusCode !== 503) throw error
  return { demoPassword: null, unavailable: error }
}

async function retryWhileUnavailable<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      assertUnavailable(error)
      await delay(retryMs)
    }
  }
}

try {
  await start()
} catch (error) {
  console.error(describeFailure('start', error as Error))
  process.exit(1)
}
