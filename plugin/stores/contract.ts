import { authenticatedAgeCases } from './contract/authenticated-age.ts'
import { countCases } from './contract/count.ts'
import { findCases } from './contract/find.ts'
import { insertCases } from './contract/insert.ts'
import { insertRevokeCases } from './contract/insert-revoke.ts'
import { maxSessionsCases } from './contract/max-sessions.ts'
import { revocationCases } from './contract/revocations.ts'
import { revokeCases } from './contract/revoke.ts'
import { revokeAllCases } from './contract/revoke-all.ts'
import { rotateCases } from './contract/rotate.ts'
import { sweepCases } from './contract/sweep.ts'
import type { SessionStore } from './session-store.ts'

/** A store under test. */
export interface OpenStore {
  /** The store, which must be empty. */
  readonly store: SessionStore
  /**
   * Opens a second store over the same data, as another process would. Default: data cannot be shared, and
   * both are the same store.
   */
  readonly another?: (() => Promise<SessionStore>) | undefined
  /** Closes the stores, and what was opened for them. */
  close(): Promise<void>
}

/** One promise of {@link SessionStore} as a test. */
export interface ContractCase {
  /** A sentence with the method in it, such as `rotate() changes only a row whose generation is "from"`. */
  readonly name: string
  /** Opens a store, and rejects with an `AssertionError` if the store breaks this promise. */
  run(): Promise<void>
}

const cases = {
  ...insertCases,
  ...insertRevokeCases,
  ...maxSessionsCases,
  ...authenticatedAgeCases,
  ...findCases,
  ...rotateCases,
  ...countCases,
  ...revokeCases,
  ...revokeAllCases,
  ...revocationCases,
  ...sweepCases
}

/**
 * The promises of {@link SessionStore} as test cases, for any test runner. Run them against a real database.
 *
 * No case injects a clock or sleeps. So exact times (that an hour is an hour) are **not** covered, nor is what
 * `close()` does to the client.
 * ```ts
 * import { test } from 'node:test'
 * import { storeContract } from 'fastify-authenticate/stores/contract'
 *
 * const open = async () => ({ store: myStore(await createDatabase()), async close() {} })
 * for (const { name, run } of storeContract(open)) test(name, run)
 * ```
 * @param open called once or twice in each case; must each time resolve to an **empty** store, separate from all others
 */
export function storeContract(open: () => Promise<OpenStore>): ContractCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const opened: OpenStore[] = []
      const openNext = async (): Promise<OpenStore> => {
        const next = await open()
        opened.push(next)
        return next
      }
      try {
        const { store, another } = await openNext()
        await check({ store, other: (await another?.()) ?? store, unrelated: async () => (await openNext()).store })
      } finally {
        for (const one of opened) await one.close()
      }
    }
  }))
}
