import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { readConfig } from './config/config.ts'
import { isReadByPeople, loadPrettyLog } from './operations/pretty-log.ts'
import { ConfigError, describeFailure } from './config/variables.ts'

const nodeCount = 3
const maxPort = 65_535

type Node = ReturnType<typeof startNode>

/** Starts one server process, and prints its output. */
function startNode(port: number, { isFirst, print }: { isFirst: boolean; print: (line: string) => void }) {
  const child = spawn(process.execPath, [...process.execArgv, `${import.meta.dirname}/server.ts`], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
    // Own process group: otherwise Ctrl-C arrives twice, and close-with-grace treats the second as "kill now".
    detached: true
  })
  createInterface(child.stdout).on('line', (line) => {
    // The lines about the demo users are the same on all nodes: print them once.
    if (isFirst || line.startsWith('listening on ') || line.startsWith('{')) print(line)
  })
  return { child, ended: once(child, 'exit').then(([code]) => code as number | null) }
}

/** Prints the lines of the log as people read them. */
function createPrinter(pretty: (line: string) => string) {
  return function print(line: string): void {
    if (line.startsWith('{')) process.stdout.write(pretty(line))
    else console.log(line)
  }
}

/** Runs three nodes on one machine, with the configured database. If one ends, all end. Resolves to the exit code. */
async function run(): Promise<number> {
  const config = readConfig()
  const { port } = config
  const print = isReadByPeople(config) ? createPrinter(await loadPrettyLog()) : console.log
  if (port > maxPort - nodeCount + 1) {
    throw new ConfigError([
      `PORT must be at most ${maxPort - nodeCount + 1}, because ${nodeCount} nodes use as many ports: received ${port}`
    ])
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
    nodes.push(startNode(port === 0 ? 0 : port + index, { isFirst: index === 0, print }))
  }
  await Promise.race(nodes.map(({ ended }) => ended))
  stop()
  const codes = await Promise.all(nodes.map(({ ended }) => ended))
  return codes.every((code) => code === 0) ? 0 : 1
}

try {
  process.exitCode = await run()
} catch (error) {
  console.error(describeFailure('start', error as Error))
  process.exitCode = 1
}
