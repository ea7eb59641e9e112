import { setMaxListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { breakStore } from '../fixtures/history-broken-stores.ts'
import type { BrokenStore } from '../fixtures/history-broken-stores.ts'
import { payloadOf, reportStalls } from '../fixtures/history-node.ts'
import type { Span } from '../fixtures/history-store.ts'
import { createClient } from './client.ts'
import type { Client, Held } from './client.ts'
import { startDatabase } from './databases.ts'
import type { DatabaseName } from './databases.ts'
import { reportDiskStalls } from './disk.ts'
import { disturb } from './faults.ts'
import { sessionOf } from './facts.ts'
import { monotonicMs } from './history.ts'
import type { Call, History, Policy } from './history.ts'
import { createNode } from './nodes.ts'
import type { Node } from './nodes.ts'
import { createRandom } from './random.ts'
import type { Random } from './random.ts'
import { createRecorder } from './recorder.ts'
import type { Recorder } from './recorder.ts'
import { stories } from './stories.ts'
import type { Story } from './stories.ts'

const nodeNames = ['a', 'b', 'c']

const defaultPolicy: Policy = {
  retrySeconds: 1,
  lateRetries: 4,
  idleSeconds: 14 * 86_400,
  lifetimeSeconds: 7200,
  maxSessions: 100
}
/** The largest error of a node's clock. */
const longestSkewMs = 2_000_000

/** All except those for sessions that live for seconds. */
const everyStory = (Object.keys(stories) as Story[]).filter((story) => story !== 'expiring')

/** Operations of one client in a second, pauses included. */
const operationsOfClient = 4
/** Far longer than a node needs to connect again, and to write what it could not write. */
const patienceMs = 30_000
/** How long clients of a busy machine work at most after their time. */
const longestMs = 60_000
/** Between two looks at what is waited for. */
const turnMs = 50
/** How many of the started sessions are checked again at the end. */
const lookedAt = 200

export interface RecordOptions {
  /** How long clients work; there are faults during all of it. */
  readonly seconds: number
  /** The goal, never much exceeded. */
  readonly operations: number
  /** Successful operations without which clients work for longer: a busy machine takes its time. Default 0. */
  readonly least?: number
  readonly seed: number
  /** Only faults of this kind, or none at all. Default: every kind. */
  readonly faults?: string | undefined
  readonly broken?: BrokenStore
  /** A process for each node. Default true; the memory store has one process only. */
  readonly inProcesses?: boolean
  readonly only?: readonly Story[]
  readonly policy?: Partial<Policy> | undefined
}

/** For sessions that expire while they are refreshed and swept. */
export const expiringOptions = {
  only: ['expiring'],
  faults: 'none',
  policy: { idleSeconds: 4, lifetimeSeconds: 2 }
} as const satisfies Partial<RecordOptions>

/** Runs clients against three nodes over one failing database, and resolves to everything they saw. */
export async function recordHistory(store: DatabaseName, options: RecordOptions): Promise<History> {
  const {
    seconds,
    operations,
    seed,
    broken,
    faults: kind = 'all',
    inProcesses = true,
    only = everyStory,
    least = 0
  } = options
  const policy = { ...defaultPolicy, ...options.policy }
  const random = createRandom(seed)
  const recorder = createRecorder()
  const withFaults = kind !== 'none'
  const busy = (stall: Span) => recorder.witness('', { stall })
  const stopWatching = reportStalls(busy)
  const database = await startDatabase(store, { nodes: nodeNames.length })
  const shared = database.store && broken ? breakStore(database.store, broken) : database.store
  const nodes = nodeNames.map((name, index) =>
    createNode(name, {
      settings: { policy, place: database.places?.[index], skewMs: withFaults ? skewed(random) : 0 },
      shared,
      isProcess: inProcesses && shared === undefined,
      witness: recorder.witness
    })
  )
  const stopWatchingDisk = store === 'memory' ? async () => {} : await reportDiskStalls(busy)
  try {
    await Promise.all(nodes.map(({ start }) => start()))
    const held: Held[] = []
    const parts = { idleMs: policy.idleSeconds * 1000, nodes, recorder, held }
    const { signal: working, stop: stopWorking } = workingTime(seconds * 1000, () => {
      const { operations, faults } = recorder.history()
      const succeeded = operations.filter(({ outcome }) => outcome?.status === 200).length
      return succeeded >= least && (!withFaults || faults.some(({ kind }) => kind !== 'busy machine'))
    })
    const over = new AbortController()
    const signal = AbortSignal.any([working, over.signal])
    const faults = withFaults ? disturb({ database, nodes, random, recorder, kind, signal }) : null
    const clients = Array.from({ length: Math.ceil(operations / seconds / operationsOfClient) }, (_, index) =>
      createClient({ ...parts, name: `client ${index}`, random: createRandom(seed * 1000 + index), signal: working })
    )
    await Promise.all(clients.map((client) => live(client, { only, isEnough: () => recorder.count() >= operations })))
    stopWorking()
    over.abort()
    await faults
    const recoveredAt = await recovery(nodes, recorder)
    const last = createClient({ ...parts, name: 'at the end', random, signal: AbortSignal.timeout(patienceMs) })
    await lookAgain(last, held)
    return { seed, store, policy, ...recorder.history(), recoveredAt }
  } finally {
    stopWatching()
    await Promise.all(nodes.map(({ stop }) => stop()))
    await database.stop()
    await stopWatchingDisk()
  }
}

/** A signal that aborts after this time, or later when there is enough; and how to end the waiting. */
function workingTime(ms: number, isEnough: () => boolean): { signal: AbortSignal; stop: () => void } {
  const working = new AbortController()
  setMaxListeners(0, working.signal)
  const work = async () => {
    await setTimeout(ms, undefined, { signal: working.signal })
    await within(longestMs, () => working.signal.aborted || isEnough())
    working.abort()
  }
  work().catch(() => {})
  return { signal: working.signal, stop: () => working.abort() }
}

const skewed = (random: Random) => Math.round(random.between(-1, 1) * longestSkewMs)

async function live(
  client: Client,
  {
    only,
    isEnough
  }: {
    only: readonly Story[]
    isEnough: () => boolean
  }
): Promise<void> {
  await client.wait(0, 500)
  while (!client.signal.aborted && !isEnough()) {
    await stories[only[client.random.below(only.length)]!](client)
    await client.wait(0, 200)
  }
}

/** Waits until every node has read the log twice and written its pending revocations; resolves to that moment. */
async function recovery(nodes: readonly Node[], recorder: Recorder): Promise<number | null> {
  const since = monotonicMs()
  const { operations, written } = recorder.history()
  const alive = new Set(nodes.map(({ id }) => id()))
  const untold = operations
    .filter(({ node, outcome }) => outcome?.status === 503 && alive.has(node))
    .map(({ call, start, node }) => ({ id: idToLog(call), start, node }))
    .filter(({ id }) => id !== null)
  const isTold = () =>
    untold.every(({ id, start, node }) =>
      written.some(
        (write) => write.node === node && write.start > start && write.ids.some((other) => other.endsWith(id!))
      )
    )
  const haveRead = (moment: number) => nodes.every((node) => recorder.readingsOf(node.id(), moment) >= 2)

  if (!(await within(patienceMs, () => haveRead(since)))) return null
  // The checker finds what has not been written by then.
  await within(patienceMs, isTold)
  const told = monotonicMs()
  return untold.length === 0 || (await within(patienceMs, () => haveRead(told))) ? monotonicMs() : null
}

/** The end of the log entry's id for a call that revokes, even if the store is down. */
function idToLog(call: Call): string | null {
  if (call.do === 'sign-out') return sessionOf(call.token)
  return call.do === 'revoke-token' ? payloadOf(call.access).jti : null
}

/** Turns are counted instead of the time: while the machine is busy, nothing that is waited for happens either. */
async function within(ms: number, isSo: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < ms / turnMs; turn++) {
    if (isSo()) return true
    await setTimeout(turnMs)
  }
  return false
}

/** Checks what became of the sessions, at every node. */
async function lookAgain(client: Client, held: readonly Held[]): Promise<void> {
  const chosen = client.random.shuffle(held).slice(0, lookedAt)
  for (const session of chosen) {
    await Promise.all([
      ...client.nodes.map((node) => client.use(session, node)),
      client.refresh(session),
      client.ask({ do: 'list', sub: session.sub })
    ])
  }
}
