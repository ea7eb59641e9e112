/** The places of a reader in the logs of all shards: a JSON object of their cursors by name. */
export type CompositeCursor = Readonly<Record<string, string | null>>

/** `null` is the beginning of all logs. For a text that no sharded store wrote, every shard receives that text. */
export function parseCompositeCursor(text: string | null, names: readonly string[]): CompositeCursor {
  const cursors = text === null ? new Map<string, string | null>() : cursorsIn(text)
  return Object.fromEntries(names.map((name) => [name, cursors === null ? text : (cursors.get(name) ?? null)]))
}

export function formatCompositeCursor(cursors: CompositeCursor): string {
  return JSON.stringify(cursors)
}

/** A map, because a shard may have a name such as "constructor". */
function cursorsIn(text: string): ReadonlyMap<string, string | null> | null {
  try {
    const cursors: unknown = JSON.parse(text)
    const isObject = typeof cursors === 'object' && cursors !== null && !Array.isArray(cursors)
    const isOurs = isObject && Object.values(cursors).every((cursor) => cursor === null || typeof cursor === 'string')
    return isOurs ? new Map<string, string | null>(Object.entries(cursors)) : null
  } catch {
    return null
  }
}
