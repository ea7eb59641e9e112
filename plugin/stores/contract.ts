import { revocationCases } from './contract/revocations.ts'
import { findCases } from './contract/find.ts'
import { insertCases } from './contract/insert.ts'
import { revokeCases } from './contract/revoke.ts'
import { rotateCases } from './contract/rotate.ts'
import { sweepCases } from './contract/sweep.ts'
import type { SessionStore } from './session-store.ts'

/** A store under test, and how to let go of it. */
export interface OpenStore {
  readonly store: SessionStore
  /** Opens a second store over the same data, as another process would have it; needed where data can be shared. */
  readonly another?: (() => Promise<SessionStore>) | undefined
  /** Closes the stores and whatever was opened for them. */
  close(): Promise<void>
}

export interface ContractCase {
  /** A sentence with the method in it: `rotate() moves the generation only from the one named`. */
  readonly name: string
  /** Opens a store of its own, and rejects with an `AssertionError` where the promise is not kept. */
  run(): Promise<void>
}

const cases = { ...insertCases, ...findCases, ...rotateCases, ...revokeCases, ...revocationCases, ...sweepCases }

/**
 * The promises of {@link SessionStore} as test cases, for any test runner and against the real database.
 *
 * `open` is called once or twice a case and must each time give an **empty** store, apart from every other one.
 * No clock is injected and nothing sleeps, so that what depends on exact times (that an hour is an hour) is **not**
 * covered, nor is what `close()` leaves of the client.
 *
 * ```ts
 * import { test } from 'node:test'
 * import { storeContract } from 'fastify-authenticate/stores/contract'
 *
 * const open = async () => ({ store: myStore(await createDatabase()), async close () {} })
 * for (const { name, run } of storeContract(open)) test(name, run)
 * ```
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
