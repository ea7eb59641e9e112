import { UnusableStoreError } from '../session-store.ts'

/** Errors of Redis that waiting does not cure: their message, and what to change. */
const permanent: readonly (readonly [message: RegExp, advice: string])[] = [
  [/^MOVED /, 'This is a Redis Cluster: pass a client for clusters, made by new Cluster(…) or createCluster(…)'],
  [
    /^NOPERM|can't run this command|can't access at least one of the keys|No permissions to access a key/,
    'The Redis user lacks permissions that the store needs (see docs/stores.md)'
  ],
  [/^WRONGTYPE/, 'Another application keeps its data under the keys of this store: pass another "prefix"'],
  [/unknown command/i, 'This server lacks a command that the store needs: Redis 5 or later, or Valkey, is required']
]

/** So many refused passwords in a row mean that the password is wrong, and not that it is just being changed. */
export const credentialTries = 3

const messageOf = (error: unknown) => (error instanceof Error ? error.message : '')

/** Whether the password is missing or wrong, or the server does not know it (yet). */
export function isAboutCredentials(error: unknown): boolean {
  return (
    /^(WRONGPASS|NOAUTH)|invalid password/.test(messageOf(error)) ||
    (error instanceof Error && isAboutCredentials(error.cause))
  )
}

/** Whether the user lacks the permission for a command or a channel. */
export function isForbidden(error: unknown): boolean {
  return messageOf(error).startsWith('NOPERM')
}

export function wrongCredentials(error: unknown): UnusableStoreError {
  let refusal = error
  while (refusal instanceof Error && isAboutCredentials(refusal.cause)) refusal = refusal.cause
  return new UnusableStoreError(`Redis refused the client's password ${credentialTries} times: ${messageOf(refusal)}`)
}

/** The error to throw: an {@link UnusableStoreError} if waiting cannot help, otherwise the given one. */
export function setUpError(error: unknown): unknown {
  const advice = permanent.find(([pattern]) => pattern.test(messageOf(error)))?.[1]
  return advice === undefined
    ? error
    : new UnusableStoreError(`${advice}. Redis: ${messageOf(error)}`, { cause: error })
}
