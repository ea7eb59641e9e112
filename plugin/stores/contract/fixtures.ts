import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { isLive } from '../session-store.ts'
import type {
  InsertOptions,
  NewSession,
  Revocation,
  RevocationPage,
  RevokedSession,
  RevokeOptions,
  SessionRow,
  SessionStore,
  Subject
} from '../session-store.ts'

/** What each case of the contract receives. */
interface Fixtures {
  readonly store: SessionStore
  /** Another store over the same data, or `store` itself if data cannot be shared. */
  readonly other: SessionStore
  /** Opens an empty store over other data. */
  readonly unrelated: () => Promise<SessionStore>
}

/** Cases by name. Authors of stores read the names: each is a sentence with the method in it. */
export type Cases = Record<string, (fixtures: Fixtures) => Promise<void>>

export const hourMs = 3_600_000
export const lifetime = { lifetimeSeconds: 600 }
export const issuer = 'https://issuer.example'
export const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: hourMs, accessLifetimeSeconds: 600 }
export const retry = { generation: 0, retries: [], keepRetries: [], idleMs: hourMs, accessLifetimeSeconds: 600 }
export const insertOptions: InsertOptions = { issuers: [issuer], revoke: [], maxSessions: 1000, ...lifetime }
/** Texts that a careless query, key or pattern takes for something else. */
export const oddTexts = [
  "' OR ''='",
  '"',
  '\\',
  '%',
  '_',
  '*',
  '?',
  '{a}',
  '{b}',
  'a:b',
  'a b',
  'a b ',
  '\n',
  'A',
  'a',
  'é',
  'e\u0301',
  '😀',
  '__proto__',
  'constructor',
  '0'
]

export const randomText = () => randomBytes(16).toString('base64url')
export const times = <T>(count: number, call: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => call(index))
export const sorted = (texts: readonly string[]) => [...texts].sort()
export const idsOf = (items: readonly { id: string }[]) => sorted(items.map(({ id }) => id))
/** The id of a new session of this subject. `text`: which, if the store does not make its ids itself. */
export const newIdOf = (store: SessionStore, { sub, text = randomText() }: { sub: string; text?: string }) =>
  store.newId?.(sub) ?? text
/** The time of the shard that keeps this subject's sessions. */
export const storeTimeOf = async (store: SessionStore, sub = randomText()) =>
  (await store.find(newIdOf(store, { sub }))).storeTime
export const subject = (sub: string): Subject => ({ issuers: [issuer], sub })
export const list = async (store: SessionStore, sub: string) => (await store.list(subject(sub), { limit: 1000 })).rows

export function newSession(store: SessionStore, given: Partial<NewSession> = {}): NewSession {
  const { sub = randomText() } = given
  return {
    id: newIdOf(store, { sub }),
    issuer,
    sub,
    sessionKey: randomText(),
    device: null,
    scope: null,
    claims: {},
    details: {},
    accessLifetimeSeconds: 600,
    idleMs: hourMs,
    idleLimitMs: null,
    absoluteMs: 24 * hourMs,
    ...given
  }
}

/** Calls `insert()` and fails if the store refuses. */
export async function insert(
  store: SessionStore,
  { session, ...options }: { readonly session: NewSession } & Partial<InsertOptions>
) {
  const result = await store.insert(session, { ...insertOptions, ...options })
  assert.ok(result.row !== null, 'insert() refused the session')
  return result
}

export async function start(store: SessionStore, given: Partial<NewSession> = {}): Promise<SessionRow> {
  return (await insert(store, { session: newSession(store, given) })).row
}

/** Starts many sessions of one subject, 50 at a time. */
export async function startMany(
  store: SessionStore,
  { sub, count }: { readonly sub: string; readonly count: number }
): Promise<SessionRow[]> {
  const rows: SessionRow[] = []
  const startOne = async () =>
    (await insert(store, { session: newSession(store, { sub }), maxSessions: Number.MAX_SAFE_INTEGER })).row
  while (rows.length < count) rows.push(...(await Promise.all(times(Math.min(50, count - rows.length), startOne))))
  return rows
}

/** Waits until the store's clock has advanced, so that what follows is later than what was done before. */
export async function nextMillisecond(store: SessionStore, sub?: string): Promise<void> {
  const before = await storeTimeOf(store, sub)
  while ((await storeTimeOf(store, sub)) <= before);
}

/** Another subject, whose sessions the same shard keeps: what a store promises for one step holds within a shard. */
export function subjectBeside(store: SessionStore, sub: string): string {
  const shardOf = (one: string) => store.shards?.of(newIdOf(store, { sub: one }))
  let beside = randomText()
  while (shardOf(beside) !== shardOf(sub)) beside = randomText()
  return beside
}

export async function rowOf(store: SessionStore, { id }: { id: string }): Promise<SessionRow> {
  const { row } = await store.find(id)
  assert.ok(row, 'find() does not return the session')
  return row
}

export async function assertNotLive(store: SessionStore, { id }: { id: string }): Promise<void> {
  const { row, storeTime } = await store.find(id)
  assert.ok(row === null || !isLive(row, storeTime), 'the session is still live')
}

/** Revokes a session with a lifetime of 600 s, unless `options` say otherwise. */
export async function revoke(
  store: SessionStore,
  { id, ...options }: { readonly id: string } & Partial<RevokeOptions>
): Promise<RevokedSession | null> {
  return (await store.revoke(id, { ...lifetime, ...options })).revoked
}

/** Calls `trim()` until nothing is left to do. */
export async function trimAll(
  store: SessionStore,
  { sub, maxSessions }: { readonly sub: string; readonly maxSessions: number }
): Promise<RevokedSession[]> {
  const revoked: RevokedSession[] = []
  for (let more = true; more;) {
    const trimmed = await store.trim(subject(sub), { maxSessions, ...lifetime })
    revoked.push(...trimmed.revoked)
    more = trimmed.more
  }
  return revoked
}

/** Reads the log to its end, or until a page that does not resume. */
export async function readAll(
  store: SessionStore,
  { cursor = null, limit = 100 }: { readonly cursor?: string | null; readonly limit?: number } = {}
) {
  const entries: Revocation[] = []
  let next = cursor
  for (let pages = 1; pages < 1000; pages++) {
    const page: RevocationPage = await store.readRevocations(next, limit)
    assert.ok(page.entries.length <= limit, 'readRevocations() returned more entries than `limit`')
    if (!page.resumed) return { entries, cursor: page.cursor, resumed: false, pages }
    entries.push(...page.entries)
    next = page.cursor
    if (!page.more) return { entries, cursor: next, resumed: true, pages }
  }
  return assert.fail('readRevocations() sets `more` on every page')
}
