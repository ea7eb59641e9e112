import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { ConfigError, readConfig } from './config.ts'

const nodeCount = 3
const mostPort = 65_535

type Node = ReturnType<typeof startNode>

/** Starts one server process, and passes on what it says. */
function startNode(port: number, { isFirst }: { isFirst: boolean }) {
  const child = spawn(process.execPath, [...process.execArgv, `${import.meta.dirname}/server.ts`], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Of a group of its own: Ctrl-C would reach it twice, from the terminal and from here, and the second time is taken for impatience.
    detached: true
  })
  createInterface(child.stdout).on('line', (line) => {
    // How to sign in is said once.
    if (isFirst || line.startsWith('listening on ') || line.startsWith('{')) console.log(line)
  })
  return { child, ended: once(child, 'exit').then(([code]) => code as number | null) }
}

/** Three nodes on one machine, which share whatever database is configured. Ends when they have: all of them, if one does. */
async function run(): Promise<number> {
  const { port } = readConfig()
  if (port > mostPort - nodeCount + 1) {
    throw new ConfigError([`PORT must be at most ${mostPort - nodeCount + 1}, for there are ${nodeCount} nodes`])
  }
  const nodes: Node[] = []
  const stop = () => {
    for (const { child } of nodes) child.kill('SIGTERM')
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop)
  process.on('SIGHUP', () => {
    for (const { child } of nodes) child.kill('SIGHUP')
  })

  for (let index = 0; index < nodeCount; index++) {
    nodes.push(startNode(port === 0 ? 0 : port + index, { isFirst: index === 0 }))
  }
  await Promise.race(nodes.map(({ ended }) => ended))
  stop()
  const codes = await Promise.all(nodes.map(({ ended }) => ended))
  return codes.every((code) => code === 0) ? 0 : 1
}

try {
  process.exitCode = await run()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `Cannot start: ${(error as Error).message}`)
  process.exitCode = 1
}
