import { refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Settings } from '../settings.ts'
import type { FeedEntry } from '../stores/store.ts'
import { tokenEntryId, type AccessToken } from '../tokens/access-token.ts'
import type { AvailableStore } from './available-store.ts'

const pageSize = 1000
const loadMs = 10_000
const pruneMs = 60_000

export type Revocations = ReturnType<typeof createRevocations>

/**
 * What is revoked and could still be presented, held in memory: asking costs a map look-up at most, no database. The
 * store's feed brings what other processes revoked; this process's own revocations count before their answer is sent.
 */
export function createRevocations ({ settings, store, emit, monotonic = () => performance.now() }: {
  settings: Settings
  store: AvailableStore
  emit: Emit
  /** Milliseconds that never run back: staleness must not depend on the wall clock. */
  monotonic?: () => number
}) {
  const { clock, revocation: { pollSeconds, maxStalenessSeconds, whenStale }, accessToken: { lifetimeSeconds } } = settings
  const revoked = { session: new Map<string, number>(), token: new Map<string, number>() }
  /** How often something was added. A token that was clear stays so until then, and is not looked for in vain again. */
  let additions = 0
  /** Sessions that were ended here while the store could not be told. */
  const unsaved = new Set<string>()
  let cursor: string | null = null
  let heardAt = -Infinity
  let prunedAt = monotonic()
  let knownStale = false
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> | undefined

  return {
    /**
     * Passes a verified token on, unless it was revoked: what verification from memory cannot know by itself.
     * @throws AuthError AUTH_REVOKED_TOKEN; AUTH_STORE_UNAVAILABLE when the feed is stale and that is to be refused
     */
    assertCurrent (verified: AccessToken): AccessToken {
      if (isRevoked(verified)) throw refusal('AUTH_REVOKED_TOKEN', 'its session or itself was revoked')
      if (mustRefuseAll()) throw refusal('AUTH_STORE_UNAVAILABLE', 'the revocation feed is stale')
      return verified
    },

    /** Whether {@link assertCurrent} would pass the token on. */
    isCurrent: (verified: AccessToken): boolean => !isRevoked(verified) && !mustRefuseAll(),

    add,

    /** Revokes here at once, even if the store cannot be told, and everywhere when this resolves. */
    async publish (entry: FeedEntry): Promise<void> {
      add(entry)
      await store.feed([entry])
    },

    /** Whether this process knows that a session has ended, even if the store does not yet, or does no more. */
    hasEnded: (sessionId: string): boolean => revoked.session.has(sessionId),

    /** Refuses a session here at once, and tells the store as soon as it can be told. */
    addUnsaved (sessionId: string): void {
      add({ kind: 'session', id: sessionId, until: clock() + lifetimeSeconds * 1000 + pruneMs })
      unsaved.add(sessionId)
    },

    poll,

    /** Loads the list before the first request, then follows the feed. Starts stale when loading fails. */
    async start (): Promise<void> {
      // Before loading, so that nothing falls between the two; where it fails, polling is left.
      await store.subscribe(wake).catch(() => {})
      await Promise.race([poll(), new Promise((resolve) => setTimeout(resolve, loadMs).unref())])
      timer = setInterval(poll, pollSeconds * 1000).unref()
    },

    async close (): Promise<void> {
      clearInterval(timer)
      await polling
    }
  }

  function mustRefuseAll (): boolean {
    return whenStale === 'refuse' && isStale()
  }

  function isRevoked (token: AccessToken): boolean {
    if (token.clearedAt === additions) return false
    if (isListed(token)) return true
    token.clearedAt = additions
    return false
  }

  /** By its session, or by itself. */
  function isListed ({ sessionId, claims: { iss, jti } }: AccessToken): boolean {
    return (sessionId !== null && revoked.session.has(sessionId)) || (jti !== undefined && revoked.token.has(tokenEntryId(iss, jti)))
  }

  function add (entry: FeedEntry): void {
    if (note(entry) && entry.kind === 'session') emit({ type: 'session-revoked', sessionId: entry.id })
  }

  /** True for what is news. */
  function note ({ kind, id, until }: FeedEntry): boolean {
    if (until <= clock()) return false
    const known = revoked[kind].get(id)
    revoked[kind].set(id, Math.max(until, known ?? 0))
    additions++
    return known === undefined
  }

  /** What is being read already may have passed the place where the new entry stands. */
  async function wake (): Promise<void> {
    await polling
    await poll()
  }

  async function poll (): Promise<void> {
    polling ??= follow().finally(() => { polling = undefined })
    return polling
  }

  /** Never rejects: a feed that cannot be read makes this process stale, nothing else. */
  async function follow (): Promise<void> {
    try {
      await readOn()
      heardAt = monotonic()
      await save()
    } catch {
      // Whatever it was, it shows as staleness.
    }
    isStale()
    if (monotonic() - prunedAt >= pruneMs) prune()
  }

  async function save (): Promise<void> {
    for (const id of unsaved) {
      await tell({ kind: 'session', id, until: revoked.session.get(id) ?? clock() })
      unsaved.delete(id)
    }
  }

  /** A store that lost its last second may have brought a row back to life: it is ended again, not only its tokens. */
  async function tell ({ kind, id, until }: FeedEntry): Promise<void> {
    const ended = kind === 'session' ? await store.revoke(id, { lifetimeSeconds }) : null
    if (ended === null) await store.feed([{ kind, id, until }])
  }

  async function readOn (): Promise<void> {
    // What stands there at the start is no news.
    const take = heardAt === -Infinity ? note : add
    for (let more = true; more;) {
      const page = await store.readFeed(cursor, pageSize)
      if (!page.resumed) return await reload()
      page.entries.forEach(take)
      cursor = page.cursor
      more = page.more
    }
  }

  /** The feed is not the one that was followed: read it whole, and give back what it has lost. */
  async function reload (): Promise<void> {
    const found = { session: new Set<string>(), token: new Set<string>() }
    cursor = null
    for (let more = true; more;) {
      const page = await store.readFeed(cursor, pageSize)
      for (const entry of page.entries) {
        add(entry)
        found[entry.kind].add(entry.id)
      }
      cursor = page.cursor
      more = page.more
    }
    prune()
    const lost = (['session', 'token'] as const).flatMap((kind) => [...revoked[kind]]
      .filter(([id]) => !found[kind].has(id))
      .map(([id, until]) => ({ kind, id, until })))
    for (const entry of lost) await tell(entry)
  }

  function isStale (): boolean {
    const silentMs = monotonic() - heardAt
    const stale = silentMs > maxStalenessSeconds * 1000
    if (stale !== knownStale) emit({ type: stale ? 'feed-stale' : 'feed-recovered', silentMs })
    knownStale = stale
    return stale
  }

  function prune (): void {
    const now = clock()
    prunedAt = monotonic()
    for (const entries of [revoked.session, revoked.token]) {
      for (const [id, until] of entries) if (until <= now) entries.delete(id)
    }
  }
}
