import { fork } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { SessionStore } from '../../plugin/index.ts'
import { createHistoryNode, unexpected } from '../fixtures/history-node.ts'
import type { Control, NodeSettings } from '../fixtures/history-node.ts'
import type { Report, Seen } from '../fixtures/history-store.ts'
import type { Call, Outcome } from './history.ts'

const entry = fileURLToPath(new URL('../fixtures/history-node.ts', import.meta.url))

/** Far longer than a call may take. */
const patienceMs = 20_000

/** One life of a node. */
interface Life {
  /** `null` without a response. */
  readonly act: (call: Call) => Promise<Outcome | null>
  readonly control: (control: Control) => Promise<void>
  readonly stop: () => Promise<void>
  /** Ends it immediately, without a graceful shutdown. */
  readonly kill: () => Promise<void>
}

export interface Node {
  readonly name: string
  /** Name and number of the life: a new life has to read what the previous one knew. */
  readonly id: () => string
  readonly isUp: () => boolean
  readonly act: Life['act']
  readonly control: Life['control']
  readonly kill: () => Promise<void>
  readonly start: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type Witness = (node: string, seen: Seen) => void

/** A node that can be killed and restarted: a process, or a plugin with its own client in this process. */
export function createNode(
  name: string,
  {
    settings,
    shared,
    isProcess,
    witness
  }: {
    settings: NodeSettings
    shared?: SessionStore | undefined
    isProcess: boolean
    witness: Witness
  }
): Node {
  let lives = 0
  let life: Life | null = null

  return {
    name,
    id: () => `${name}.${lives}`,
    isUp: () => life !== null,
    act: async (call) => (life === null ? null : await life.act(call)),
    async control(control) {
      await life?.control(control)
    },
    async kill() {
      const dying = life
      life = null
      await dying?.kill()
    },
    async start() {
      const id = `${name}.${++lives}`
      const report: Report = (seen) => witness(id, seen)
      const parts = { report, ...(shared && { shared }) }
      life = isProcess ? await startProcess(settings, report) : await startHere(settings, parts)
    },
    async stop() {
      const ending = life
      life = null
      await ending?.stop()
    }
  }
}

async function startHere(settings: NodeSettings, parts: { report: Report; shared?: SessionStore }): Promise<Life> {
  const node = await createHistoryNode(settings, parts)
  return {
    act: (call) => node.act(call).catch(unexpected),
    async control(control) {
      node.control(control)
    },
    stop: node.close,
    kill: node.close
  }
}

async function startProcess(settings: NodeSettings, report: Report): Promise<Life> {
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = fork(entry, [JSON.stringify(settings)], { execArgv: process.execArgv, stdio })
  const waiting = new Map<number, (outcome: Outcome | null) => void>()
  let asked = 0
  const exited = once(child, 'exit').then(() => {
    for (const give of waiting.values()) give(null)
    waiting.clear()
  })
  await Promise.race([once(child, 'message'), exited])
  if (child.exitCode !== null) throw new Error(`a node ended with ${child.exitCode}`)
  child.on('message', ({ id, outcome, seen }: { id?: number; outcome?: Outcome; seen?: Seen }) => {
    if (seen !== undefined) return report(seen)
    waiting.get(id!)?.(outcome ?? null)
    waiting.delete(id!)
  })

  async function ask(message: object): Promise<Outcome | null> {
    if (!child.connected) return null
    const id = ++asked
    const response = new Promise<Outcome | null>((resolve) => {
      waiting.set(id, resolve)
    })
    child.send({ id, ...message }, (error) => {
      if (error === null) return
      waiting.get(id)?.(null)
      waiting.delete(id)
    })
    return await Promise.race([response, setTimeout(patienceMs, null, { ref: false })])
  }

  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await exited
  }

  return {
    act: async (call) => await ask({ call }),
    async control(control) {
      await ask({ control })
    },
    kill,
    stop: kill
  }
}
