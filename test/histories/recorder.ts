import type { Call, Fault, History, Operation, Outcome, Reading, Written } from './history.ts'
import { monotonicMs } from './history.ts'
import type { Node, Witness } from './nodes.ts'

export type Recorder = ReturnType<typeof createRecorder>

/** Collects entries in any order: each has its times. */
export function createRecorder() {
  const operations: Operation[] = []
  const readings: Reading[] = []
  const written: Written[] = []
  const faults: Fault[] = []
  const losses: { start: number; end: number }[] = []

  const witness: Witness = (node, seen) => {
    if ('reading' in seen) readings.push({ node, ...seen.reading })
    if ('written' in seen) written.push({ node, ...seen.written })
    // A stalled process shows that the machine was busy: other processes and the database may have been late too.
    if ('stall' in seen) faults.push({ kind: 'busy machine', nodes: 'all', ...seen.stall })
  }

  return {
    witness,
    fault(fault: Fault): void {
      faults.push(fault)
    },
    loss(loss: { start: number; end: number }): void {
      losses.push(loss)
    },
    count: () => operations.length,

    async operation(node: Node, call: Call): Promise<Outcome | null> {
      const id = node.id()
      const start = monotonicMs()
      const outcome = await node.act(call)
      operations.push({ id: operations.length, node: id, call, start, end: monotonicMs(), outcome })
      return outcome
    },

    /** How often a life of a node has read the log to its end since a moment. */
    readingsOf: (id: string, since: number): number =>
      readings.filter(({ node, start }) => node === id && start > since).length,

    history: (): Pick<History, 'operations' | 'readings' | 'written' | 'faults' | 'losses'> => ({
      operations,
      readings,
      written,
      faults,
      losses
    })
  }
}
