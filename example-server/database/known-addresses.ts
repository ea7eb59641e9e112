/** How long an address stays known after the last sign-in from it. */
export const knownMs = 30 * 24 * 3600 * 1000

/** Age from which a sign-in updates its row: one write a day instead of one per sign-in. */
export const renewedAfterMs = 24 * 3600 * 1000

/** Addresses of one account; beyond that, the least recently used ones are deleted. */
export const maxKnown = 50

export interface AccountAddress {
  /** Compared without regard to case. */
  readonly username: string
  /** The `address` of `networkOf()`. */
  readonly address: string
}

/** The addresses that accounts were recently signed in from, in either database. */
export interface KnownAddresses {
  /** Whether the account was signed in from this address within the 30 days before `now` (ms since the epoch). */
  has(from: AccountAddress, now: number): Promise<boolean>
  /** Records a sign-in, and deletes rows older than 30 days. Does nothing if the account does not exist. */
  add(from: AccountAddress, now: number): Promise<void>
}
