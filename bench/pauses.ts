import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from './bursts.ts'
import type { Effort } from './effort.ts'
import { startMicro } from './micro.ts'
import { heapOptions } from './stores.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

/** How long the event loop did nothing else. */
export interface Pause {
  /** What the process did, with the number of entries. */
  readonly what: string
  /** The longest stop in milliseconds: median over the runs. */
  readonly longestMs: number
}

export async function measurePauses({ pauses: { runs, revocations, sessions } }: Effort): Promise<Pause[]> {
  const folder = await mkdtemp(join(tmpdir(), 'pauses-'))
  const input = { issuer, audience, secret, key: keyOf('HS256'), revocations, sessions, folder }

  async function longest(name: string): Promise<number> {
    const { ready, stop } = await startMicro('pauses.js', { input: { ...input, name }, execArgv: heapOptions })
    await stop()
    return (ready as { longestMs: number }).longestMs
  }

  const rows = {
    load: `load ${revocations.toLocaleString('en')} revocations at the start`,
    memory: `remove ${sessions.memory.toLocaleString('en')} expired sessions, memory store`,
    sqlite: `remove ${sessions.sqlite.toLocaleString('en')} expired sessions, SQLite`
  }
  const pauses: Pause[] = []
  try {
    for (const [name, what] of Object.entries(rows)) {
      const stops: number[] = []
      while (stops.length < runs) stops.push(await longest(name))
      pauses.push({ what, longestMs: median(stops) })
    }
    return pauses
  } finally {
    await rm(folder, { recursive: true })
  }
}
