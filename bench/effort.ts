import { algorithms, type Algorithm } from './algorithms.ts'
import type { StoreName } from './databases.ts'

/** How much is measured, in a full run and with `--quick`. */
export interface Effort {
  readonly name: 'full' | 'quick'
  /** Approximate duration of one burst. */
  readonly burstMs: number
  /** Runs before the first burst, until one of these is reached, so that the JIT compiler has finished. */
  readonly warmUp: { readonly operations: number; readonly cpuMs: number }
  /** Bursts of a subject in each round, in turn with its reference. */
  readonly turns: number
  /** How often every subject has its turn. */
  readonly rounds: number
  /** `accessToken.cacheSize` where no token may be in the cache; there are more tokens than this. */
  readonly coldCacheSize: number
  /** Of the tokens that are sent to a protected route. All are verified without a route. */
  readonly algorithms: readonly Algorithm[]
  /** Number in memory while a protected route is measured. 0: that is not measured. */
  readonly revocations: number
  /** Databases over which other libraries keep their sessions, and over which a storm runs. */
  readonly databases: readonly Exclude<StoreName, 'memory'>[]
  /** Of sign-ins and refreshes. To sign them in takes long where the store waits for a disk. */
  readonly users: number
  /** Of one revocation log. */
  readonly followers: number
  /** Number of sessions in the small and in the large store. To fill a database takes long. */
  readonly sessions: { readonly few: number; readonly manyInMemory: number; readonly manyInDatabase: number }
  /** How many are held in memory, to find out the size of one. */
  readonly held: { readonly tokens: number; readonly revocations: number }
  /** How often each stop of the event loop is measured, and with how many entries. */
  readonly pauses: {
    readonly runs: number
    /** Of SQLite, which needs minutes for all of them. */
    readonly seconds: number
    readonly revocations: number
    readonly sessions: { readonly memory: number; readonly sqlite: number }
  }
  readonly storm: { readonly refreshes: number; readonly concurrency: number }
  readonly starts: number
  /** Sessions that are started, refreshed and ended to measure the load of a database. */
  readonly databaseSessions: number
}

export const full: Effort = {
  name: 'full',
  burstMs: 30,
  warmUp: { operations: 100_000, cpuMs: 1200 },
  turns: 3,
  rounds: 8,
  coldCacheSize: 5000,
  algorithms,
  revocations: 1e6,
  databases: ['sqlite', 'redis', 'postgres'],
  users: 200,
  followers: 200,
  sessions: { few: 1e3, manyInMemory: 1e6, manyInDatabase: 1e5 },
  held: { tokens: 10_000, revocations: 1e6 },
  pauses: { runs: 2, seconds: 10, revocations: 1e5, sessions: { memory: 1e6, sqlite: 1e6 } },
  storm: { refreshes: 10_000, concurrency: 600 },
  starts: 7,
  databaseSessions: 10_000
}

export const quick: Effort = {
  name: 'quick',
  burstMs: 12,
  warmUp: { operations: 10_000, cpuMs: 400 },
  turns: 2,
  rounds: 2,
  coldCacheSize: 1000,
  algorithms: ['HS256'],
  revocations: 0,
  databases: ['sqlite'],
  users: 50,
  followers: 50,
  sessions: { few: 1e3, manyInMemory: 1e5, manyInDatabase: 1e4 },
  held: { tokens: 10_000, revocations: 1e6 },
  pauses: { runs: 1, seconds: 1, revocations: 1e5, sessions: { memory: 1e5, sqlite: 5e4 } },
  storm: { refreshes: 300, concurrency: 150 },
  starts: 1,
  databaseSessions: 500
}

/** What only the full run measures. */
export const leftOut = [
  'a protected route with tokens of ES256, EdDSA and RS256, and while there are revocations',
  'sessions of other libraries over Redis and PostgreSQL',
  'storms over Redis and PostgreSQL, and of 10,000 refreshes',
  'stores with a million sessions, and a log with 200 followers'
]
