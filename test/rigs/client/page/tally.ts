/** What the callers of one tab saw. */
export interface Tally {
  /** How many requests got a response, by its status. */
  readonly statuses: Record<string, number>
  /** How many requests failed, by the name of the error. */
  readonly errors: Record<string, number>
  /** The numbers of the requests that failed. */
  readonly failed: string[]
  /** The numbers of the bodies that the server confirmed. */
  readonly confirmed: string[]
}

export interface RunOptions {
  readonly seconds: number
  /** Between the start of one request and the next. */
  readonly everyMs: number
  /** A caller does not wait longer for a response. */
  readonly timeoutMs: number
}
