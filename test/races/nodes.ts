import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Answer, Call, WorkerSettings } from '../fixtures/race-worker.ts'

const entry = fileURLToPath(new URL('../fixtures/race-worker.ts', import.meta.url))

/** A call, and which process is to make it. */
export interface Step {
  readonly node: number
  readonly call: Call
}

export type Nodes = Awaited<ReturnType<typeof startNodes>>

/** Processes that carry out steps, each with a store and a plugin of its own. */
export async function startNodes (settings: readonly WorkerSettings[]) {
  const nodes = await Promise.all(settings.map(startNode))

  return {
    count: nodes.length,

    /** Gives every process its share at once; answers in the order of the steps. */
    async run (steps: readonly Step[]): Promise<Answer[]> {
      const answers: Answer[] = []
      await Promise.all(nodes.map(async ({ ask }, node) => {
        const mine = [...steps.keys()].filter((index) => steps[index]!.node === node)
        if (mine.length === 0) return
        const given = await ask(mine.map((index) => steps[index]!.call))
        mine.forEach((index, place) => { answers[index] = given[place]! })
      }))
      return answers
    },

    stop: async () => { await Promise.all(nodes.map(({ stop }) => stop())) }
  }
}

async function startNode (settings: WorkerSettings) {
  const child = fork(entry, [JSON.stringify(settings)], { execArgv: process.execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, (answers: Answer[]) => void>()
  let asked = 0
  const exited = once(child, 'exit')
  const [first] = await Promise.race([once(child, 'message'), exited])
  if (first !== 'ready') throw new Error(`a node ended with ${first}`)
  child.on('message', ({ id, answers }: { id: number, answers: Answer[] }) => {
    waiting.get(id)!(answers)
    waiting.delete(id)
  })

  return {
    ask: async (calls: readonly Call[]) => new Promise<Answer[]>((resolve, reject) => {
      waiting.set(++asked, resolve)
      child.send({ id: asked, calls }, (error) => { if (error) reject(error) })
    }),
    async stop () {
      child.disconnect()
      await exited
    }
  }
}
