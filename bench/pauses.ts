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
  /** The most processor time of the process between two turns, garbage collection included: median over the runs. */
  readonly longestCpuMs: number
}

export async function measurePauses({ pauses: { runs, seconds, revocations, sessions } }: Effort): Promise<Pause[]> {
  const folder = await mkdtemp(join(tmpdir(), 'pauses-'))
  const input = { issuer, audience, secret, key: keyOf('HS256'), revocations, sessions, seconds, folder }

  async function longest(name: string) {
    const { ready, stop } = await startMicro('pauses.js', { input: { ...input, name }, execArgv: heapOptions })
    await stop()
    return ready as { readonly ms: number; readonly cpuMs: number }
  }

  const rows = {
    load: `load ${revocations.toLocaleString('en')} revocations at the start`,
    memory: `sweep ${sessions.memory.toLocaleString('en')} expired sessions, memory store`,
    sqlite: `sweep among ${sessions.sqlite.toLocaleString('en')} expired sessions, SQLite`
  }
  const pauses: Pause[] = []
  try {
    for (const [name, what] of Object.entries(rows)) {
      const stops = []
      while (stops.length < runs) stops.push(await longest(name))
      const [longestMs, longestCpuMs] = [median(stops.map(({ ms }) => ms)), median(stops.map(({ cpuMs }) => cpuMs))]
      pauses.push({ what, longestMs, longestCpuMs })
    }
    return pauses
  } finally {
    await rm(folder, { recursive: true })
  }
}
