/** An entry of `exports` in package.json, and what its page of the reference says first. */
export interface Entry {
  /** What an application imports. */
  readonly specifier: string
  /** The file, from the root of the repository. */
  readonly source: string
  /** The page, in `docs/reference/`. */
  readonly page: string
  /** What the reader can do with it. */
  readonly purpose: string
}

/** In the order of the reference. A type that several entries export is described by the first of them. */
export const entries: readonly Entry[] = [
  {
    specifier: 'fastify-authenticate',
    source: 'plugin/index.ts',
    page: 'plugin.md',
    purpose: 'The plugin: its options, what it adds to Fastify, its errors and its events.'
  },
  {
    specifier: 'fastify-authenticate/client',
    source: 'client/index.js',
    page: 'client.md',
    purpose: 'The client for browsers and Node: one session for all tabs, one refresh at a time.'
  },
  {
    specifier: 'fastify-authenticate/mcp',
    source: 'plugin/mcp.ts',
    page: 'mcp.md',
    purpose: 'Passes the caller of a request to an SDK of the Model Context Protocol.'
  },
  {
    specifier: 'fastify-authenticate/testing',
    source: 'plugin/testing.ts',
    page: 'testing.md',
    purpose: 'Signs users in for the tests of an application, with a clock that the test moves.'
  },
  {
    specifier: 'fastify-authenticate/stores/memory',
    source: 'plugin/stores/memory.ts',
    page: 'stores.md',
    purpose: 'Keeps sessions in the memory of the process, for tests and development.'
  },
  {
    specifier: 'fastify-authenticate/stores/sqlite',
    source: 'plugin/stores/sqlite.ts',
    page: 'stores.md',
    purpose: 'Keeps sessions in a SQLite file, for one machine.'
  },
  {
    specifier: 'fastify-authenticate/stores/redis',
    source: 'plugin/stores/redis.ts',
    page: 'stores.md',
    purpose: 'Keeps sessions in Redis or Valkey, for several machines.'
  },
  {
    specifier: 'fastify-authenticate/stores/postgres',
    source: 'plugin/stores/postgres.ts',
    page: 'stores.md',
    purpose: 'Keeps sessions in PostgreSQL, for several machines.'
  },
  {
    specifier: 'fastify-authenticate/stores/sharded',
    source: 'plugin/stores/sharded.ts',
    page: 'stores.md',
    purpose: 'Distributes sessions over several stores.'
  },
  {
    specifier: 'fastify-authenticate/stores/session-store',
    source: 'plugin/stores/session-store.ts',
    page: 'session-store.md',
    purpose: 'What a store of your own implements, and the rules that it calls.'
  },
  {
    specifier: 'fastify-authenticate/stores/contract',
    source: 'plugin/stores/contract.ts',
    page: 'session-store.md',
    purpose: 'The test cases that every store must pass.'
  }
]
