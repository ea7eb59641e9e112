// The record of a run, in plain values: it can be written to a file and checked again.

/** A request of a client to a node. */
export type Call =
  | {
      readonly do: 'sign-in'
      readonly sub: string
      readonly transport: 'bearer' | 'cookie'
      /** When the password was read, by {@link monotonicMs}; passed to `signIn()` as `authenticatedAt`. */
      readonly readAt?: number | undefined
      /** Cookies that the browser still has; the session they name ends. */
      readonly cookies?: Cookies | undefined
      readonly revokeOthers?: boolean | undefined
    }
  | { readonly do: 'refresh'; readonly token: string; readonly by: 'body' | 'cookie' }
  /** By a refresh token of any generation, or by an access token. */
  | { readonly do: 'sign-out'; readonly token: string }
  | { readonly do: 'revoke'; readonly sessionId: string; readonly sub?: string | undefined }
  | { readonly do: 'revoke-all'; readonly sub: string; readonly except?: string | undefined }
  | { readonly do: 'revoke-token'; readonly access: string }
  | { readonly do: 'use'; readonly access: string }
  | { readonly do: 'list'; readonly sub: string }
  | { readonly do: 'sweep' }

export interface Cookies {
  readonly access: string
  readonly refresh: string
}

export interface Outcome {
  readonly status: number
  readonly code: string | null
  readonly access: string | null
  readonly refresh: string | null
  /** Of `revoke`: whether there was such a session. */
  readonly found?: boolean | undefined
  /** Of `list`: the ids of the live sessions. */
  readonly sessions?: readonly string[] | undefined
  /** Whether the response cleared the refresh cookie. */
  readonly cleared: boolean
  readonly retryAfter: boolean
}

/** Times by {@link monotonicMs}: before the call was sent, and after its response arrived. */
export interface Operation {
  readonly id: number
  /** The node and its life: `b.2`. */
  readonly node: string
  readonly call: Call
  readonly start: number
  readonly end: number
  /** `null` without a response: it may have taken effect, or may still do so. */
  readonly outcome: Outcome | null
}

/** A reading of the revocation log to its end. */
export interface Reading {
  readonly node: string
  readonly start: number
  readonly end: number
}

/** A node wrote revocations that it could not write before. */
export interface Written extends Reading {
  readonly ids: readonly string[]
}

/** A fault of these nodes, or of all. */
export interface Fault {
  readonly kind: string
  readonly nodes: readonly string[] | 'all'
  readonly start: number
  readonly end: number
}

export interface Policy {
  readonly retrySeconds: number
  readonly lateRetries: number
  readonly idleSeconds: number
  readonly lifetimeSeconds: number
  readonly maxSessions: number
}

export interface History {
  readonly seed: number
  readonly store: string
  readonly policy: Policy
  readonly operations: readonly Operation[]
  readonly readings: readonly Reading[]
  readonly written: readonly Written[]
  readonly faults: readonly Fault[]
  /** When a database was in use that may have lost its last writes. */
  readonly losses: readonly { readonly start: number; readonly end: number }[]
  /** When every fault was over and every node had read the log twice since; `null` if that did not happen. */
  readonly recoveredAt: number | null
}

/** The machine's monotonic clock, which several processes share. */
export const monotonicMs = () => Number(process.hrtime.bigint()) / 1e6

/** An operation of one kind. */
export type Did<Name extends Call['do']> = Operation & { readonly call: Extract<Call, { do: Name }> }
export const did =
  <Name extends Call['do']>(name: Name) =>
  (operation: Operation): operation is Did<Name> =>
    operation.call.do === name

export const isDone = <O extends Operation>(operation: O): operation is O & { readonly outcome: Outcome } =>
  operation.outcome !== null && operation.outcome.status < 300
/** It may have taken effect, or may still do so. */
export const isUncertain = ({ outcome }: Operation): boolean => outcome === null || outcome.status === 503
