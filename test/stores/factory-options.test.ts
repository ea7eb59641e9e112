import { Redis } from 'ioredis'
import { Pool } from 'pg'
import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { postgresStore } from '../../plugin/stores/postgres.ts'
import { redisStore } from '../../plugin/stores/redis.ts'
import type { SessionStore } from '../../plugin/stores/session-store.ts'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import { DatabaseSync } from '../fixtures/sqlite.ts'

const database = new DatabaseSync(':memory:')
const redis = new Redis({ lazyConnect: true })
const pool = new Pool()

interface Factory {
  readonly create: (options: object) => SessionStore
  readonly options: string
  /** Wrong values of one option. */
  readonly wrong: { readonly option: string; readonly values: readonly unknown[] }
}

const factories: Record<string, Factory> = {
  memoryStore: {
    create: (options) => memoryStore(options),
    options: 'clock',
    wrong: { option: 'clock', values: [1, null] }
  },
  sqliteStore: {
    create: (options) => sqliteStore(database, options),
    options: 'prefix or clock',
    wrong: { option: 'prefix', values: ['', 'Auth', 1, null] }
  },
  redisStore: {
    create: (options) => redisStore(redis, options),
    options: 'prefix',
    wrong: { option: 'prefix', values: ['', '{a}', 1, null] }
  },
  postgresStore: {
    create: (options) => postgresStore(pool, options),
    options: 'schema',
    wrong: { option: 'schema', values: ['', 'a b', 1, null] }
  }
}

for (const [name, { create, options, wrong }] of Object.entries(factories)) {
  t.test(`${name}() throws a TypeError that names a wrong option and what was received`, async (t) => {
    for (const value of wrong.values) {
      const { message } = t.throws(() => create({ [wrong.option]: value }), TypeError) as TypeError
      t.equal(message.startsWith(`Cannot create a ${name}: "${wrong.option}" must be `), true, message)
      t.equal(message.endsWith(`: received ${JSON.stringify(value)}`), true, message)
    }
  })

  t.test(`${name}() throws a TypeError for an unknown option`, async (t) => {
    const message = `Cannot create a ${name}: "ttl" is not an option: expected ${options}`
    t.throws(() => create({ ttl: 1 }), new TypeError(message))
    t.doesNotThrow(() => create({ [wrong.option]: undefined }))
  })
}
