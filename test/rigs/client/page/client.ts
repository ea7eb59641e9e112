/** A library under test, as a page uses it. */
export interface Client {
  /** Signs in as a user would, or takes over the session of another tab. */
  readonly signIn: () => Promise<void>
  readonly request: (input: ApiRequest) => Promise<number>
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: object
  readonly signal: AbortSignal
}

/** @param onSignedOut the library says that the session is over */
export type CreateClient = (onSignedOut: () => void) => Client
