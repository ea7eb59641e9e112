import { type Revocation, type RevocationPage, type Timed } from '../session-store.ts'
import { formatCompositeCursor, parseCompositeCursor } from './composite-cursor.ts'
import { shardNameIn } from './session-id.ts'
import type { Shard } from './shard.ts'
import { ShardLog } from './shard-log.ts'
import { settledAll } from './settled.ts'

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
    // Every page reads every shard: one that was down may respond again.
    const share = Math.max(1, Math.floor(limit / this.#logs.length))
    const first = await readAll(this.#logs, { cursorOf: (name) => cursors[name]!, limit: share })
    if (first.size === 0) throw this.#logs[0]!.error
    const pages = await this.#readMore(first, limit)
    const cursorOf = (name: string) => pages.get(name)?.cursor ?? cursors[name]!
    const lost = this.#names.filter((name) => pages.get(name)?.resumed === false)
    const unread = this.#names.filter((name) => !pages.has(name))
    const all = [...pages.values()]
    return {
      entries: withoutRepeats(all.flatMap(({ entries }) => entries)),
      cursor: formatCompositeCursor(Object.fromEntries(this.#names.map((name) => [name, cursorOf(name)]))),
      more: all.some(({ more }) => more),
      resumed: lost.length === 0,
      storeTime: all[0]!.storeTime,
      ...(unread.length > 0 && { unread }),
      ...(lost.length > 0 && { lost })
    }
  }

  /** Fills the page with more entries of the shards that have more: usually a few have most of them. */
  async #readMore(pages: Pages, limit: number): Promise<Pages> {
    const busy = this.#logs.filter(({ shard }) => pages.get(shard.name)?.more)
    const read = [...pages.values()].reduce((sum, { entries }) => sum + entries.length, 0)
    const share = Math.floor((limit - read) / busy.length)
    if (busy.length === 0 || share < 1) return pages
    const next = await readAll(busy, { cursorOf: (name) => pages.get(name)!.cursor, limit: share })
    return new Map([...pages].map(([name, page]) => [name, joined(page, next.get(name))]))
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

/** The pages of the shards that could be read, by name. */
type Pages = ReadonlyMap<string, RevocationPage>

interface Reading {
  readonly cursorOf: (name: string) => string | null
  readonly limit: number
}

async function readAll(logs: readonly ShardLog[], { cursorOf, limit }: Reading): Promise<Pages> {
  const reads = logs.map(async (log): Promise<[string, RevocationPage | null]> => {
    const { name } = log.shard
    return [name, await log.read({ cursor: cursorOf(name), limit })]
  })
  const isRead = (read: [string, RevocationPage | null]): read is [string, RevocationPage] => read[1] !== null
  return new Map((await Promise.all(reads)).filter(isRead))
}

/** Two pages of one shard as one. */
function joined(page: RevocationPage, next: RevocationPage | undefined): RevocationPage {
  if (next === undefined) return page
  return { ...next, entries: [...page.entries, ...next.entries], resumed: page.resumed && next.resumed }
}

/** What is in every log is read from each. */
function withoutRepeats(entries: readonly Revocation[]): readonly Revocation[] {
  return [...new Map(entries.map((entry) => [`${entry.kind}${entry.id} ${entry.until}`, entry])).values()]
}
