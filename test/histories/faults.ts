import { setTimeout } from 'node:timers/promises'
import { storeFaults } from '../fixtures/history-store.ts'
import type { Database, Outage } from './databases.ts'
import { monotonicMs } from './history.ts'
import type { Node } from './nodes.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'

const longestSkewMs = 90 * 60_000

interface Disturbed {
  readonly database: Database
  readonly nodes: readonly Node[]
  readonly random: Random
  readonly recorder: Recorder
  /** `all`, or the name of one that is repeated. */
  readonly kind: string
  readonly signal: AbortSignal
}

/** Causes one fault after the other, each kind in turn, with pauses; resolves when the last is over. */
export async function disturb({ database, nodes, random, recorder, kind, signal }: Disturbed): Promise<void> {
  const kinds = kindsOf(database, nodes).filter((outageOf) => kind === 'all' || outageOf(random).kind === kind)
  let next: typeof kinds = database.first ? [database.first] : []
  await pause(random.between(300, 1500), signal)
  while (!signal.aborted) {
    if (next.length === 0) next = random.shuffle(kinds)
    const outage = next.pop()!(random)
    const start = monotonicMs()
    const affected = outage.node === 'all' ? nodes : [nodes[outage.node]!]
    const lives = affected.map(({ id }) => id())
    await outage.begin()
    await pause(random.between(200, 2500), signal)
    await outage.end()
    const end = monotonicMs()
    // What a fault did to one life affects the next.
    const ids = [...new Set([...lives, ...affected.map(({ id }) => id())])]
    recorder.fault({ kind: outage.kind, nodes: outage.node === 'all' ? 'all' : ids, start, end })
    if (outage.loses) recorder.loss({ start, end })
    await pause(random.between(300, 4000), signal)
  }
}

function kindsOf(database: Database, nodes: readonly Node[]): ((random: Random) => Outage)[] {
  return [
    ...database.outages,
    // Without a connection that could be disturbed, the calls fail instead.
    ...(database.outages.length > 1 ? [] : storeFaults.map((fault) => storeFault(nodes, fault))),
    (random) => killed(nodes, random),
    (random) => clockSet(nodes, random)
  ]
}

const storeFault =
  (nodes: readonly Node[], fault: (typeof storeFaults)[number]) =>
  (random: Random): Outage => {
    const node = random.below(2) === 0 ? 'all' : random.below(nodes.length)
    const chosen = node === 'all' ? nodes : [nodes[node]!]
    const set = (storeFault: typeof fault | null) => Promise.all(chosen.map((node) => node.control({ storeFault })))
    return { kind: `store ${fault}`, node, begin: () => set(fault), end: () => set(null) }
  }

function killed(nodes: readonly Node[], random: Random): Outage {
  const node = random.below(nodes.length)
  return { kind: 'node killed', node, begin: nodes[node]!.kill, end: () => startPatiently(nodes[node]!) }
}

const attempts = 3

/** As a process manager does. */
async function startPatiently(node: Node): Promise<void> {
  for (let left = attempts; ; left--) {
    try {
      return await node.start()
    } catch (error) {
      if (left === 1) throw error
    }
  }
}

function clockSet(nodes: readonly Node[], random: Random): Outage {
  const node = random.below(nodes.length)
  const skewMs = Math.round(random.between(-longestSkewMs, longestSkewMs))
  return { kind: 'clock set', node, begin: () => nodes[node]!.control({ skewMs }), async end() {} }
}

/** Ends early when the run is over. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {})
}
