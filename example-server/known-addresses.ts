/** How long an address stays known after the last sign-in from there. */
export const knownMs = 30 * 24 * 3600 * 1000

/** One write a day, not one a sign-in. */
export const renewedAfterMs = 24 * 3600 * 1000

/** Of one account; the ones that were not seen for longest make room. */
export const mostKnown = 50

/** An account, by its name in upper or lower case, and where it is used from, as `networkOf()` tells it. */
export interface AccountAddress {
  readonly username: string
  readonly address: string
}

/** The addresses that accounts were signed in to from lately, whatever database they are in. */
export interface KnownAddresses {
  /** Whether the account was signed in to from there within the 30 days before `now` (ms since the epoch). */
  has(from: AccountAddress, now: number): Promise<boolean>
  /** Records a sign-in, and forgets what is older than 30 days; does nothing if there is no such account. */
  add(from: AccountAddress, now: number): Promise<void>
}
