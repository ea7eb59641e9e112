import { UnusableStoreError } from '../session-store.ts'

/** What no waiting mends, by what Redis says: a reason, and what to change. */
const permanent: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^MOVED /, 'This is a Redis Cluster: pass a client for clusters, made by new Cluster(…) or createCluster(…)'],
  [
    /^NOPERM|can't run this command|can't access at least one of the keys|No permissions to access a key/,
    'Redis does not give this user the rights that the store needs (see docs/stores.md)'
  ],
  [/^WRONGTYPE/, 'Something else keeps its data under the keys of this store: pass another "prefix"'],
  [
    /unknown command/i,
    'This server does not have a command that the store needs: Redis 5 or later, or Valkey, is required'
  ]
]

const messageOf = (error: unknown) => (error instanceof Error ? error.message : '')

/** A password that is missing, wrong or not (yet) known to the server. */
export function isAboutCredentials(error: unknown): boolean {
  return (
    /^(WRONGPASS|NOAUTH)|invalid password/.test(messageOf(error)) ||
    (error instanceof Error && isAboutCredentials(error.cause))
  )
}

/** The error to throw: an {@link UnusableStoreError} where waiting cannot help, the given one where it can. */
export function toFailure(error: unknown): unknown {
  const advice = permanent.find(([pattern]) => pattern.test(messageOf(error)))?.[1]
  return advice === undefined
    ? error
    : new UnusableStoreError(`${advice}. Redis: ${messageOf(error)}`, { cause: error })
}
