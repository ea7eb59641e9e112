import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as argon2 from '@node-rs/argon2'
import type { Network } from './client-network.ts'
import { createHashQueue } from './hash-queue.ts'

/** argon2id, the package's default, with OWASP's second choice of parameters (19 MiB, two passes). */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** `Algorithm.Argon2id`, a `const enum` that other compilers than `tsc` cannot read. */
const argon2id = 2

export interface PasswordOptions {
  /** What hashes; for tests. */
  readonly hashing?: Pick<typeof argon2, 'hash' | 'verify'>
  /** How many hash at a time. Default: all cores but one, at most the four threads that Node has for this. */
  readonly concurrency?: number
  readonly maxWaiting?: number
}

/** More than the people behind one address who sign in at the same moment, and a tenth of the queue. */
const shares = { maxWaitingOfAddress: 20, maxWaitingOfSite: 40 }

/** For passwords that the server hashes on its own, such as those of the demo users. */
const here: Network = { address: 'here', site: 'here' }

export type Passwords = Awaited<ReturnType<typeof createPasswords>>

export async function createPasswords(options: PasswordOptions = {}) {
  const {
    hashing = argon2,
    concurrency = Math.max(1, Math.min(4, availableParallelism() - 1)),
    maxWaiting = 200
  } = options
  const { inTurn, turnAway, load } = createHashQueue({ concurrency, maxWaiting, ...shares })
  // Nobody's: what the passwords of unknown users are compared with, so that they cost and take the same.
  const nobodys = await hashing.hash(randomBytes(32), parameters)

  return {
    /** How many are being hashed, and how many wait. */
    load,
    /** Refuses those who wait. */
    turnAway,

    async hash(password: string, from = here): Promise<string> {
      return await inTurn(from, () => hashing.hash(password, parameters))
    },

    /** Whether the password is the one of the hash; for `null` (an unknown user) the same work, and false. */
    async verify(password: string, { hash, from }: { hash: string | null; from: Network }): Promise<boolean> {
      const matches = await inTurn(from, () => hashing.verify(hash ?? nobodys, password))
      return hash !== null && matches
    },

    /** Whether the hash was made with other, older parameters: it can be replaced when the password is at hand. */
    isWeak(hash: string): boolean {
      const { algorithm, memoryCost, timeCost } = argon2.parseOptions(hash)
      return (algorithm as number) !== argon2id || memoryCost < parameters.memoryCost || timeCost < parameters.timeCost
    }
  }
}
