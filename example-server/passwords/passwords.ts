import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as argon2 from '@node-rs/argon2'
import type { Network } from '../attempts/client-network.ts'
import { createHashQueue } from './hash-queue.ts'

export interface HashParameters {
  /** In KiB. */
  readonly memoryCost: number
  /** Number of passes. */
  readonly timeCost: number
  readonly parallelism: number
}

/** The second choice of the OWASP cheat sheet for argon2id, the package's default algorithm: 19 MiB, two passes. */
export const strongParameters: HashParameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** `Algorithm.Argon2id`: a `const enum`, which only `tsc` can inline. */
const argon2id = 2

export interface PasswordOptions {
  /** Replaces argon2 in tests. */
  readonly hashing?: Pick<typeof argon2, 'hash' | 'verify'>
  /** Weaker ones make tests fast. Default: `strongParameters`, which the server always uses. */
  readonly parameters?: HashParameters
  /** How many hashes run at the same time. Default: all cores but one, at most 4 (the size of Node's thread pool). */
  readonly concurrency?: number
  /** How many may wait for their turn. Default: 200. */
  readonly maxWaiting?: number
}

/** More than the number of people behind one address who sign in at the same moment, yet only a tenth of the queue. */
const shares = { maxWaitingOfAddress: 20, maxWaitingOfSite: 40 }

/** The origin of passwords that the server itself hashes, such as those of the demo users. */
const local: Network = { address: 'local', site: 'local' }

export type Passwords = Awaited<ReturnType<typeof createPasswords>>

export async function createPasswords(options: PasswordOptions = {}) {
  const {
    hashing = argon2,
    parameters = strongParameters,
    concurrency = Math.max(1, Math.min(4, availableParallelism() - 1)),
    maxWaiting = 200
  } = options
  const { inTurn, refuseWaiting, load } = createHashQueue({ concurrency, maxWaiting, ...shares })
  // The passwords of unknown users are compared with this hash, so that they take as long as those of existing users.
  const decoy = await hashing.hash(randomBytes(32), parameters)

  return {
    /** How many passwords are being hashed, and how many wait. */
    load,
    /** Refuses all passwords that wait. */
    refuseWaiting,

    async hash(password: string, from = local): Promise<string> {
      return await inTurn(from, () => hashing.hash(password, parameters))
    },

    /** Whether the password matches the hash. For `null` (an unknown user) it does the same work and returns false. */
    async verify(password: string, { hash, from }: { hash: string | null; from: Network }): Promise<boolean> {
      const matches = await inTurn(from, () => hashing.verify(hash ?? decoy, password))
      return hash !== null && matches
    },

    /** Whether the hash was made with weaker parameters and should be replaced at the next sign-in. */
    isWeak(hash: string): boolean {
      const { algorithm, memoryCost, timeCost } = argon2.parseOptions(hash)
      return (algorithm as number) !== argon2id || memoryCost < parameters.memoryCost || timeCost < parameters.timeCost
    }
  }
}
