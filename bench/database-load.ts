import { readFileSync, readdirSync } from 'node:fs'
import { Redis } from 'ioredis'
import { Client } from 'pg'
import { sharedDatabases, type Database } from './databases.ts'
import type { Effort } from './effort.ts'
import { startProcess } from './process.ts'

/** The processor time of a database's own processes per operation of the store. */
export interface DatabaseLoad {
  readonly store: string
  readonly operations: readonly { readonly name: string; readonly cpuMicros: number }[]
}

/** Reads the processor time that the database has taken since it started, in microseconds. */
interface Meter {
  cpuMicros(): Promise<number>
  close(): Promise<void>
}

/** Measures the databases that serve many nodes: their one primary is what limits how many users there can be. */
export async function measureDatabaseLoad({ databaseSessions: sessions }: Effort): Promise<DatabaseLoad[]> {
  const measured: DatabaseLoad[] = []
  for (const { location } of await sharedDatabases()) {
    const meter = await openMeter(location)
    if (meter === null) continue
    measured.push({ store: location.store, operations: await measure({ location, meter, sessions }) })
    await meter.close()
  }
  return measured
}

async function measure({
  location,
  meter,
  sessions
}: {
  readonly location: Database['location']
  readonly meter: Meter
  readonly sessions: number
}): Promise<DatabaseLoad['operations']> {
  const { ready, request, stop } = await startProcess('micro/database-load.js', { input: { location, sessions } })
  const operations: { name: string; cpuMicros: number }[] = []
  try {
    for (const name of (ready as { names: string[] }).names) {
      const before = await meter.cpuMicros()
      const { operations: count } = await request<{ operations: number }>({ name })
      operations.push({ name, cpuMicros: ((await meter.cpuMicros()) - before) / count })
    }
    return operations
  } finally {
    await stop()
  }
}

async function openMeter({ store, ...location }: Database['location']): Promise<Meter | null> {
  if (store === 'redis') return openRedisMeter(location.path!)
  if (store === 'postgres' && process.platform === 'linux') return await openPostgresMeter(location)
  return null
}

function openRedisMeter(path: string): Meter {
  const client = new Redis(path)
  return {
    async cpuMicros() {
      const info = await client.info('cpu')
      const seconds = ['used_cpu_user', 'used_cpu_sys'].map((name) =>
        Number(new RegExp(`^${name}:(.*)`, 'm').exec(info)![1])
      )
      return seconds.reduce((sum, part) => sum + part) * 1e6
    },
    async close() {
      client.disconnect()
    }
  }
}

/** Sums up the postmaster and all its children. They live as long as their connections, which stay open. */
async function openPostgresMeter(connection: Readonly<Record<string, string>>): Promise<Meter> {
  const client = new Client(connection)
  await client.connect()
  const { rows } = await client.query(`SELECT current_setting('data_directory') AS folder`)
  const postmaster = Number(readFileSync(`${rows[0].folder}/postmaster.pid`, 'utf8').split('\n', 1)[0])
  return {
    async cpuMicros() {
      const stats = readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(readStat)
      const ticks = stats
        .filter((stat) => stat !== null && (stat.pid === postmaster || stat.parent === postmaster))
        .reduce((sum, stat) => sum + stat!.ticks, 0)
      return (ticks / ticksPerSecond) * 1e6
    },
    close: () => client.end()
  }
}

/** The unit of `/proc/PID/stat`: 100 on every Linux that Node supports. */
const ticksPerSecond = 100

/** `null` if the process has ended meanwhile. */
function readStat(pid: string): { pid: number; parent: number; ticks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may contain anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid: Number(pid), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null
  }
}
