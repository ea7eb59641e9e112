import type { Contestant } from './bursts.ts'
import { prepare } from './contestant.ts'
import type { Effort } from './effort.ts'
import { createLoad, learnAnswer } from './load.ts'
import { startProcess } from './process.ts'

export type Server = Awaited<ReturnType<typeof startServer>>

interface Used {
  readonly cpuMicros: number
}

/** A measured server, in a process of its own. */
export async function startServer(file: string, given: object) {
  const { ready, ask, stop } = await startProcess(`servers/${file}`, given)
  const { port, cookies } = ready as { port: number; cookies: string[] }
  const load = await createLoad(port)

  return {
    /** Of the users who are signed in, where the server keeps or makes such cookies itself. */
    cookies,

    /** Is sent these requests, over and over in their order. */
    async contestant(requests: readonly Buffer[], effort: Effort): Promise<Contestant> {
      const answer = await learnAnswer(port, requests.at(-1)!)
      let position = 0
      const next = () => requests[position++ % requests.length]!

      return await prepare(async (operations) => {
        const before = await ask<Used>({})
        const start = performance.now()
        await load.send(operations, next, answer)
        const wallMicros = (performance.now() - start) * 1000
        const after = await ask<Used>({})
        return { operations, wallMicros, cpuMicros: after.cpuMicros - before.cpuMicros }
      }, effort)
    },

    async stop(): Promise<void> {
      load.close()
      await stop()
    }
  }
}
