import type { Burst, Contestant } from './bursts.ts'
import { prepare } from './contestant.ts'
import type { Effort } from './effort.ts'
import { startProcess } from './process.ts'

export type Micro = Awaited<ReturnType<typeof startMicro>>

/** A measured process without a server: it runs the cases that it knows, as often as it is asked. */
export async function startMicro(file: string, given: object, execArgv: readonly string[] = []) {
  const { ready, ask, stop } = await startProcess(`micro/${file}`, given, execArgv)
  return {
    ready,
    contestant: async (name: string, effort: Pick<Effort, 'burstMs' | 'warmUp'>): Promise<Contestant> =>
      await prepare((operations) => ask<Burst>({ name, operations }), effort),
    stop
  }
}
