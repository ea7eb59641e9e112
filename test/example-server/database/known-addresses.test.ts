import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { startPostgres, skip as skipWithoutPostgres } from '../../fixtures/postgres-server.ts'

t.setTimeout(600_000)

const day = 24 * 3600

/** Each starts a database, and resolves to the environment that names it. */
const databases = {
  sqlite: { skip: false as false | string, open: async () => ({ env: {}, stop: async () => {} }) },
  postgres: {
    skip: skipWithoutPostgres,
    async open() {
      const {
        connection: { host, user, database },
        stop
      } = await startPostgres()
      return { env: { DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}` }, stop }
    }
  }
}

for (const [name, { skip, open }] of Object.entries(databases)) {
  t.test(
    `knownAddresses with ${name} keeps an address for 30 days, and at most 50 addresses of an account`,
    { skip },
    async (t) => {
      const { env, stop } = await open()
      const { users, knownAddresses, close } = await openDatabase(readConfig({ ...env, DATA_DIR: t.testdir() }))
      t.teardown(async () => {
        await close()
        await stop()
      })
      for (const name of ['Bob', 'carol']) await users.add({ name, passwordHash: 'none' })
      const start = Date.UTC(2030, 0, 1)
      const after = (days: number) => start + days * day * 1000
      const home = { username: 'bob', address: '192.0.2.1' }
      const isKnown = async (days: number, more = {}) => await knownAddresses.has({ ...home, ...more }, after(days))

      t.equal(await isKnown(0), false)
      await knownAddresses.add(home, start)
      await knownAddresses.add({ ...home, username: 'nobody' }, start)
      t.strictSame([await isKnown(0), await isKnown(29), await isKnown(30)], [true, true, false])
      t.equal(await isKnown(0, { username: 'BOB' }), true)
      for (const other of [{ username: 'carol' }, { username: 'nobody' }, { address: '192.0.2.2' }]) {
        t.equal(await isKnown(0, other), false, JSON.stringify(other))
      }
      await knownAddresses.add({ ...home, username: 'BoB' }, after(20))
      t.strictSame([await isKnown(49), await isKnown(50)], [true, false], 'used again')
      await knownAddresses.add({ ...home, username: 'carol' }, after(60))
      t.equal(await isKnown(40), false, 'add() deletes rows older than 30 days')

      for (let count = 0; count < 51; count++) {
        await knownAddresses.add({ ...home, address: `address ${count}` }, after(60) + count)
      }
      t.strictSame(
        [await isKnown(60, { address: 'address 0' }), await isKnown(60, { address: 'address 1' })],
        [false, true]
      )
      t.equal(await isKnown(60, { username: 'carol' }), true, 'the limit is per account')
    }
  )
}
