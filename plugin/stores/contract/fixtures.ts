import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { isLive } from '../session-store.ts'
import type {
  InsertOptions,
  NewSession,
  Revocation,
  RevocationPage,
  SessionRow,
  SessionStore,
  Subject
} from '../session-store.ts'

/** What a case of the contract is given. */
interface Fixtures {
  readonly store: SessionStore
  /** The second store over the same data; the same one where there cannot be two. */
  readonly other: SessionStore
  /** An empty store that has nothing to do with `store`. */
  readonly unrelated: () => Promise<SessionStore>
}

/** By name: a sentence with the method in it. */
export type Cases = Record<string, (fixtures: Fixtures) => Promise<void>>

export const hourMs = 3_600_000
export const ending = { lifetimeSeconds: 600 }
export const issuer = 'https://issuer.example'
export const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: hourMs, accessLifetimeSeconds: 600 }
export const retry = { generation: 0, retries: [], keepRetries: [], idleMs: hourMs, accessLifetimeSeconds: 600 }
export const inserting: InsertOptions = { issuers: [issuer], revoke: [], maxSessions: 1000, ...ending }
/** What a careless query, key or pattern would take for something else. */
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

export const random = () => randomBytes(16).toString('base64url')
export const times = <T>(count: number, call: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => call(index))
export const sorted = (texts: readonly string[]) => [...texts].sort()
export const idsOf = (items: readonly { id: string }[]) => sorted(items.map(({ id }) => id))
export const timeOf = async (store: SessionStore) => (await store.find(random())).storeTime
export const subject = (sub: string): Subject => ({ issuers: [issuer], sub })
export const list = async (store: SessionStore, sub: string) => (await store.list(subject(sub), { limit: 1000 })).rows

export function newSession(given: Partial<NewSession> = {}): NewSession {
  return {
    id: random(),
    issuer,
    sub: random(),
    sessionKey: random(),
    device: null,
    scope: null,
    claims: {},
    accessLifetimeSeconds: 600,
    idleMs: hourMs,
    absoluteMs: 24 * hourMs,
    ...given
  }
}

export async function start(
  store: SessionStore,
  given: Partial<NewSession> = {},
  options: Partial<InsertOptions> = {}
): Promise<SessionRow> {
  const { row } = await store.insert(newSession(given), { ...inserting, ...options })
  assert.ok(row, 'the session was not inserted')
  return row
}

/** Waits until the store's clock has moved on: what happens now is later than what happened before. */
export async function nextMillisecond(store: SessionStore): Promise<void> {
  const before = await timeOf(store)
  while ((await timeOf(store)) <= before);
}

/** Starts many, a few at a time. */
export async function startMany(store: SessionStore, sub: string, count: number): Promise<SessionRow[]> {
  const rows: SessionRow[] = []
  while (rows.length < count) {
    const options = { maxSessions: Number.MAX_SAFE_INTEGER }
    rows.push(...(await Promise.all(times(Math.min(50, count - rows.length), () => start(store, { sub }, options)))))
  }
  return rows
}

export async function rowOf(store: SessionStore, { id }: { id: string }): Promise<SessionRow> {
  const { row } = await store.find(id)
  assert.ok(row, 'the session is gone')
  return row
}

export async function assertDead(store: SessionStore, { id }: { id: string }): Promise<void> {
  const { row, storeTime } = await store.find(id)
  assert.ok(row === null || !isLive(row, storeTime), 'the session is live')
}

/** Reads the log on to the end; stops where the cursor cannot be resumed. */
export async function readAll(store: SessionStore, cursor: string | null = null, limit = 100) {
  const entries: Revocation[] = []
  for (let pages = 1; pages < 1000; pages++) {
    const page: RevocationPage = await store.readRevocations(cursor, limit)
    assert.ok(page.entries.length <= limit, 'a page is longer than its limit')
    if (!page.resumed) return { entries, cursor: page.cursor, resumed: false, pages }
    entries.push(...page.entries)
    cursor = page.cursor
    if (!page.more) return { entries, cursor, resumed: true, pages }
  }
  return assert.fail('the log does not end')
}
