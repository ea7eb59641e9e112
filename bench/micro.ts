import type { Burst, Workload } from './bursts.ts'
import { warmUp } from './comparison.ts'
import type { Effort } from './effort.ts'
import { startProcess, type ProcessOptions } from './process.ts'

export type Micro = Awaited<ReturnType<typeof startMicro>>

/** Starts a measured process without a server, which runs the case that each message names. */
export async function startMicro(file: string, options: ProcessOptions) {
  const { ready, request, stop } = await startProcess(`micro/${file}`, options)
  return {
    ready,
    workload: async (name: string, effort: Pick<Effort, 'burstMs' | 'warmUp'>): Promise<Workload> =>
      await warmUp((operations) => request<Burst>({ name, operations }), effort),
    stop
  }
}
