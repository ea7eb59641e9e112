import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from './bursts.ts'
import type { Effort } from './effort.ts'
import { startProcess } from './process.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

/** Median milliseconds from the start of a process until it listens. */
export interface StartUp {
  readonly bare: number
  readonly plugin: number
  readonly exampleServer: number
}

export async function measureStartUp({ starts }: Effort): Promise<StartUp> {
  const times = { bare: [] as number[], plugin: [] as number[], exampleServer: [] as number[] }
  for (let start = 0; start < starts; start++) {
    times.bare.push(await timeOf(() => startProcess('servers/bare.js', { input: {} })))
    times.plugin.push(
      await timeOf(() =>
        startProcess('servers/plugin.js', { input: { issuer, audience, secret, key: keyOf('HS256') } })
      )
    )
  }
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  try {
    // The first start makes keys and hashes the demo password, so it is discarded.
    for (let start = 0; start <= starts; start++) {
      times.exampleServer.push(await timeOf(() => startExampleServer(folder)))
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  return { bare: median(times.bare), plugin: median(times.plugin), exampleServer: median(times.exampleServer.slice(1)) }
}

async function timeOf(start: () => Promise<{ stop(): Promise<void> }>): Promise<number> {
  const startedAt = performance.now()
  const { stop } = await start()
  const ms = performance.now() - startedAt
  await stop()
  return ms
}

async function startExampleServer(folder: string) {
  const env = {
    ...process.env,
    NODE_ENV: '',
    DATA_DIR: folder,
    PORT: '0',
    DATABASE_URL: '',
    REDIS_URL: '',
    LOG_LEVEL: 'warn'
  }
  const child = spawn(
    process.execPath,
    ['--conditions=fastify-authenticate-source', '--import', 'tsx', 'example-server/server.ts'],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit']
    }
  )
  await new Promise<void>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (bytes) => {
      text += bytes
      if (/^listening on /m.test(text)) resolve()
    })
    child.once('exit', (code) => reject(new Error(`the example server ended with ${code}: ${text}`)))
  })
  return {
    async stop(): Promise<void> {
      child.kill()
      await once(child, 'exit')
    }
  }
}
