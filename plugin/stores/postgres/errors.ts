import { UnusableStoreError } from '../session-store.ts'

/** Errors that waiting does not cure, by SQLSTATE or its class, and what to change. */
const remedies: readonly (readonly [code: string, remedy: string])[] = [
  ['28P01', 'correct the password of the pool'],
  ['28', 'correct the user of the pool, or allow it in pg_hba.conf'],
  ['3D000', 'create the database, or correct its name'],
  ['3F000', 'create the schema, or correct the option "schema"'],
  ['42501', "grant the pool's role the missing permission, or start once with a role that may create the tables"],
  ['42', 'this schema or this version of PostgreSQL is not supported'],
  ['0A000', 'this version of PostgreSQL is not supported']
]

/** The same for errors of `pg` itself, which have no code. */
const clientErrors: readonly (readonly [message: RegExp, remedy: string])[] = [
  [/^SASL: .*password/, 'give the pool a password'],
  [/after calling end on the pool/, 'pass a pool that is open'],
  [/does not support SSL connections/, 'enable SSL on the server, or omit `ssl`']
]

/**
 * The error to stop with; `undefined` if the reason can pass without intervention: the server is down, starting, full
 * or a replica.
 */
export function toUnusable(error: unknown): UnusableStoreError | undefined {
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

/** Whether a value of one call has caused the error, such as a text with U+0000: other calls can succeed without it. */
export function isOfOneCall(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code.startsWith('22')
}
