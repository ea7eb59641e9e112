import type { Workload } from './bursts.ts'
import { warmUp } from './comparison.ts'
import type { Effort } from './effort.ts'
import { createLoad, learnResponse } from './load.ts'
import { startProcess } from './process.ts'

export type Server = Awaited<ReturnType<typeof startServer>>

interface CpuUsage {
  readonly cpuMicros: number
}

/** Starts a measured server in its own process. */
export async function startServer(file: string, input: object) {
  const { ready, request, stop } = await startProcess(`servers/${file}`, { input })
  const { port, cookies } = ready as { port: number; cookies: string[] }
  const load = await createLoad({ port, name: file })

  return {
    /** The cookies of signed-in users, if the server makes its own. */
    cookies,

    /** A workload that sends these requests repeatedly, in their order. */
    async workload(requests: readonly Buffer[], effort: Effort): Promise<Workload> {
      const expected = await learnResponse(port, requests.at(-1)!)
      let position = 0
      const next = () => requests[position++ % requests.length]!

      const run = async (operations: number) => {
        const before = await request<CpuUsage>({})
        const start = performance.now()
        await load.send(operations, { next, expected })
        const wallMicros = (performance.now() - start) * 1000
        const after = await request<CpuUsage>({})
        return { operations, wallMicros, cpuMicros: after.cpuMicros - before.cpuMicros }
      }
      return await warmUp(run, { ...effort, atLeast: 1.2 * requests.length })
    },

    async stop(): Promise<void> {
      load.close()
      await stop()
    }
  }
}
