import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { createApp } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { openDatabase } from './database.ts'
import { describeDemo, seedDemoUsers } from './demo.ts'
import { createPasswords } from './passwords.ts'
import type { Refusal } from './refusals.ts'

/** How long requests under way may take to be answered when the process is asked to stop. */
const graceMs = 4500
/** When whoever has not sent the whole of a request is hung up on, or never said a word: they must not make this an exit by force. */
const lastCallMs = 4000
/** When those who wait for their password to be hashed are told to come again: late enough for most, early enough to tell them. */
const hashingMs = 2000
const retryMs = 1000

async function start(): Promise<void> {
  const config = readConfig()
  const [database, passwords] = await Promise.all([openDatabase(config), createPasswords()])
  async function prepare(): Promise<string | null> {
    await database.ping()
    return config.production ? null : await seedDemoUsers({ config, users: database.users, passwords })
  }
  const preparing = prepare().then((demoPassword) => ({ demoPassword, away: null }), assertAway)
  const app = await createApp({ config, database, passwords })
  const { demoPassword, away } = await preparing
  // Outside production SIGHUP asks for the keys again, see `keys.ts`.
  closeWithGrace({ delay: graceMs, logger: app.log, skip: config.production ? [] : ['SIGHUP'] }, async ({ err }) => {
    if (err) app.log.fatal(err)
    setTimeout(passwords.turnAway, hashingMs).unref()
    setTimeout(() => app.server.closeAllConnections(), lastCallMs).unref()
    await app.close()
  })

  await app.listen({ host: config.host, port: config.port })
  const { port } = app.server.address() as AddressInfo
  const url = `${config.tls ? 'https' : 'http'}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`
  console.log(`listening on ${url}${demoPassword ? `\n${describeDemo(url, demoPassword)}` : ''}`)
  if (away === null) return

  app.log.warn(away, 'the database does not answer: going on without it until it does')
  const prepared = await untilAnswered(prepare)
  app.log.warn('the database answers')
  if (prepared) console.log(describeDemo(url, prepared))
}

/** What is more than a database that is away stops the start. */
function assertAway(error: unknown): { demoPassword: null; away: unknown } {
  const isAway = (error as Partial<Refusal>).statusCode === 503
  if (!isAway) throw error
  return { demoPassword: null, away: error }
}

async function untilAnswered<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      assertAway(error)
      await delay(retryMs)
    }
  }
}

try {
  await start()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `Cannot start: ${(error as Error).message}`)
  process.exit(1)
}
