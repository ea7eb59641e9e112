import { UnusableStoreError } from '../session-store.ts'

/** By SQLSTATE, as a whole or by its class: what waiting does not change, and what somebody has to. */
const remedies: readonly (readonly [code: string, remedy: string])[] = [
  ['28P01', 'correct the password of the pool'],
  ['28', 'correct the user of the pool, or allow it in pg_hba.conf'],
  ['3D000', 'create the database, or correct its name'],
  ['3F000', 'create the schema, or correct the option "schema"'],
  ['42501', 'grant the role of the pool what is missing, or start once with a role that may create the tables'],
  ['42', 'this schema or this version of PostgreSQL does not fit'],
  ['0A000', 'this version of PostgreSQL does not fit']
]

/** Errors of `pg` itself, which have no code. */
const clientErrors: readonly (readonly [message: RegExp, remedy: string])[] = [
  [/^SASL: .*password/, 'give the pool a password'],
  [/after calling end on the pool/, 'pass a pool that is open'],
  [/does not support SSL connections/, 'switch on SSL at the server, or leave `ssl` out']
]

/**
 * The error to stop with; `undefined` where the reason can pass by itself: a server that is away, starting or full, or a
 * replica.
 */
export function unusable(error: unknown): UnusableStoreError | undefined {
  if (error instanceof UnusableStoreError) return error
  const { code, message } = error as { code?: unknown; message: string }
  const remedy =
    typeof code === 'string'
      ? remedies.find(([prefix]) => code.startsWith(prefix))?.[1]
      : clientErrors.find(([pattern]) => pattern.test(message))?.[1]
  if (remedy === undefined) return
  const state = typeof code === 'string' ? ` (${code})` : ''
  return new UnusableStoreError(`PostgreSQL cannot be used: ${message}${state}; ${remedy}`, { cause: error })
}
