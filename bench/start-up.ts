import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { median } from './bursts.ts'
import type { Effort } from './effort.ts'
import { issuer, secret } from './tokens.ts'

/** Medians over cold processes, in ms. The subject and its reference have their turns one after the other. */
export interface StartUp {
  /** The import of Fastify. */
  readonly importFastify: number
  /** In the same process, after Fastify was imported: the import of the plugin, `register()` and `ready()`. */
  readonly importAndRegister: number
  /** `importAndRegister` / `importFastify` of one process. */
  readonly importRatio: Ratio
  /** The same, of processor time. It includes the threads of V8, and depends less on what else is running. */
  readonly importCpuRatio: Ratio
  /** A bare Fastify server, run by the loader of the example server, until it listens. */
  readonly bareTypeScript: number
  /** The example server, over SQLite, until it listens. Its keys and its demo password exist. */
  readonly exampleServer: number
  /** `exampleServer` / `bareTypeScript` of one turn. */
  readonly exampleRatio: Ratio
  /** The first start of the example server, which makes keys and hashes the demo password. */
  readonly exampleServerFirst: number
}

interface Ratio {
  readonly median: number
  /** Half of the ratios lie between these. */
  readonly quartiles: readonly [number, number]
}

/** Of one process. */
interface Imports {
  readonly fastify: Cost
  readonly plugin: Cost
}

interface Cost {
  readonly wallMs: number
  readonly cpuMs: number
}

export async function measureStartUp({ starts }: Effort): Promise<StartUp> {
  return { ...(await measureImport(5 * starts)), ...(await measureExampleServer(starts)) }
}

async function measureImport(turns: number) {
  const imports: Imports[] = []
  for (let turn = 0; turn < turns; turn++) imports.push(await importOnce())
  return {
    importFastify: median(imports.map(({ fastify }) => fastify.wallMs)),
    importAndRegister: median(imports.map(({ plugin }) => plugin.wallMs)),
    importRatio: ratioOf(imports.map(({ plugin, fastify }) => plugin.wallMs / fastify.wallMs)),
    importCpuRatio: ratioOf(imports.map(({ plugin, fastify }) => plugin.cpuMs / fastify.cpuMs))
  }
}

async function importOnce(): Promise<Imports> {
  const args = [join(import.meta.dirname, 'servers/import.js'), JSON.stringify({ issuer, secret })]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } })
  return JSON.parse(stdout) as Imports
}

async function measureExampleServer(turns: number) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const [bare, example] = [[] as number[], [] as number[]]
  try {
    // The first run of each server fills the cache of the loader.
    await timeOf('bench/servers/bare-typescript.ts', folder)
    const first = await timeOf('example-server/server.ts', folder)
    for (let turn = 0; turn < turns; turn++) {
      bare.push(await timeOf('bench/servers/bare-typescript.ts', folder))
      example.push(await timeOf('example-server/server.ts', folder))
    }
    return {
      bareTypeScript: median(bare),
      exampleServer: median(example),
      exampleRatio: ratioOf(example.map((ms, turn) => ms / bare[turn]!)),
      exampleServerFirst: first
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Runs a server as `npm start` does, until it says that it listens. */
async function timeOf(file: string, dataDir: string): Promise<number> {
  const variables = { NODE_ENV: '', DATA_DIR: dataDir, PORT: '0', DATABASE_URL: '', REDIS_URL: '', LOG_LEVEL: 'warn' }
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['--conditions=fastify-authenticate-source', '--import', 'tsx/esm', file], {
    env: { ...process.env, NODE_OPTIONS: '', ...variables },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  await new Promise<void>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (bytes) => {
      text += bytes
      if (/^listening on /m.test(text)) resolve()
    })
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}: ${text}`)))
  })
  const ms = performance.now() - startedAt
  const exited = once(child, 'exit')
  child.kill()
  await exited
  return ms
}

function ratioOf(ratios: readonly number[]): Ratio {
  const sorted = [...ratios].sort((one, other) => one - other)
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!
  return { median: median(sorted), quartiles: [at(0.25), at(0.75)] }
}
