import { UnusableStoreError, type SessionStore, type Timed } from '../session-store.ts'

/** The id of a row that names the shard. `newId()` never makes it. */
const id = '~shard'
const issuer = 'fastify-authenticate'
const centuryMs = 100 * 365 * 24 * 3_600_000

/**
 * Checks that a store is the shard of this name, and names a store that has no name yet. Ids of sessions name their
 * shard: with two stores exchanged, users would be signed out; with one store under two names, half of them.
 * @throws UnusableStoreError if the store has another name
 */
export async function assertIdentity(store: SessionStore, name: string): Promise<Timed> {
  const { row, storeTime } = await store.find(id)
  const known = row?.device ?? (await giveName(store, name))
  if (known === name) return { storeTime }
  throw new UnusableStoreError(`the store is the shard "${known}" already, and must keep that name: received "${name}"`)
}

/** @returns the name that the store has now: another process may have been first */
async function giveName(store: SessionStore, name: string): Promise<string> {
  const session = {
    id,
    issuer,
    sub: id,
    sessionKey: id,
    device: name,
    scope: null,
    claims: {},
    details: {},
    accessLifetimeSeconds: 0,
    idleMs: centuryMs,
    idleLimitMs: null,
    absoluteMs: centuryMs
  }
  try {
    await store.insert(session, { issuers: [issuer], revoke: [], maxSessions: Infinity, lifetimeSeconds: 0 })
    return name
  } catch (error) {
    const { row } = await store.find(id)
    if (row?.device == null) throw error
    return row.device
  }
}
