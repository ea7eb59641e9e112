import { type Revocation, type RevocationPage, type Timed } from '../session-store.ts'
import { formatCompositeCursor, parseCompositeCursor } from './composite-cursor.ts'
import { shardNameIn } from './session-id.ts'
import type { Shard } from './shard.ts'
import { ShardLog } from './shard-log.ts'
import { settledAll } from './settled.ts'

/** Each shard returns at least this part of a page, however many shards there are. */
const leastShare = 10

/**
 * The revocation log of all shards. A session's entry is in the log of its shard. Entries of tokens, and of sessions
 * that belong to no shard, are in every log: so they are known as long as one shard can be read.
 */
export class ShardedLog {
  readonly #logs: readonly ShardLog[]
  readonly #names: readonly string[]

  constructor(shards: readonly Shard[]) {
    this.#logs = shards.map((shard) => new ShardLog(shard))
    this.#names = shards.map(({ name }) => name)
  }

  /**
   * A page of all logs. A shard that cannot be read is in `unread`, and its cursor stays where it is.
   * @throws if no shard can be read
   */
  async read(text: string | null, limit: number): Promise<RevocationPage> {
    const cursors = parseCompositeCursor(text, this.#names)
    const share = Math.max(1, Math.floor(limit / Math.min(this.#logs.length, leastShare)))
    const reads = await Promise.all(
      this.#logs.map(async (log) => {
        const { name } = log.shard
        return { name, page: await log.read({ cursor: cursors[name]!, limit: share }) }
      })
    )
    const pages = reads.flatMap(({ name, page }) => (page === null ? [] : [{ name, page }]))
    if (pages[0] === undefined) throw this.#logs[0]!.error
    const cursor = { ...cursors, ...Object.fromEntries(pages.map(({ name, page }) => [name, page.cursor])) }
    const lost = pages.filter(({ page }) => !page.resumed).map(({ name }) => name)
    const unread = reads.filter(({ page }) => page === null).map(({ name }) => name)
    return {
      entries: withoutRepeats(pages.flatMap(({ page }) => page.entries)),
      cursor: formatCompositeCursor(cursor),
      more: pages.some(({ page }) => page.more),
      resumed: lost.length === 0,
      storeTime: pages[0].page.storeTime,
      ...(unread.length > 0 && { unread }),
      ...(lost.length > 0 && { lost })
    }
  }

  /** @throws if one of the shards fails; what the others accepted stays written, and the call can be repeated */
  async append(entries: readonly Revocation[], options: { readonly lifetimeSeconds: number }): Promise<Timed> {
    // One kind of shard would accept it and another would not.
    if (entries.some(({ id }) => id.includes('\0'))) throw new Error('Cannot append an id with U+0000 to the log')
    const parts = this.#logs
      .map(({ shard }) => ({ shard, own: entries.filter((entry) => this.#belongsTo(entry, shard)) }))
      .filter(({ own }) => own.length > 0)
    const first = { shard: this.#logs[0]!.shard, own: [] }
    const written = await settledAll(
      (parts.length > 0 ? parts : [first]).map(({ shard, own }) => shard.append(own, options))
    )
    return { storeTime: written[0]!.storeTime }
  }

  #belongsTo({ kind, id }: Revocation, { name }: Shard): boolean {
    const named = kind === 'session' ? shardNameIn(id) : null
    return named === null || !this.#names.includes(named) || named === name
  }
}

/** What is in every log is read from each. */
function withoutRepeats(entries: readonly Revocation[]): readonly Revocation[] {
  return [...new Map(entries.map((entry) => [`${entry.kind}${entry.id} ${entry.until}`, entry])).values()]
}
