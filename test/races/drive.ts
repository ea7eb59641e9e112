import { setTimeout } from 'node:timers/promises'
import type { BrokenStore } from '../fixtures/race-broken-stores.ts'
import { startDatabase } from '../fixtures/race-database.ts'
import type { StoreName } from '../fixtures/race-database.ts'
import { monotonicMs, rotatableMs } from '../fixtures/race-worker.ts'
import { kindOf, kinds } from './kinds.ts'
import type { Kind, Race } from './kinds.ts'
import { startNodes } from './nodes.ts'
import type { Nodes, Step } from './nodes.ts'
import { createRandom } from './random.ts'
import type { Random } from './random.ts'
import { judge, questions } from './verdict.ts'

const processes = 4
/** Side by side, so that nobody idles while sessions become old enough to be rotated. */
const lanes = 3
/** How many calls of one lane are in the air. */
const callsInTheAir = 120

export interface Report {
  readonly store: StoreName
  readonly races: number
  readonly calls: number
  readonly byKind: Readonly<Record<string, number>>
  readonly violations: readonly string[]
  /** Seconds after the start at which something was wrong: a machine that stood still shows as one moment. */
  readonly wrongAt: ReadonlySet<number>
  /** The slowest answer within a race. */
  readonly longestMs: number
  readonly seconds: number
}

/** Lets four processes race over one database, and says what came of it. */
export async function race (store: StoreName, { count, seed = 1, broken, only }: {
  count: number
  seed?: number | undefined
  broken?: BrokenStore | undefined
  only?: readonly Kind[] | undefined
}): Promise<Report> {
  const database = await startDatabase(store)
  const random = createRandom(seed)
  const begunAt = monotonicMs()
  const report = { store, races: 0, calls: 0, byKind: {} as Record<string, number>, violations: [] as string[], wrongAt: new Set<number>(), longestMs: 0 }
  try {
    const nodes = await startNodes(Array.from({ length: processes }, (_, node) => ({ place: database.place(node), broken })))
    try {
      const batches = inBatches(plan(count, only), random)
      let subjects = 0
      const newSubject = () => `subject ${++subjects}`
      await Promise.all(Array.from({ length: lanes }, async () => {
        for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) await runBatch(batch, { nodes, random, newSubject, report, begunAt })
      }))
    } finally {
      await nodes.stop()
    }
  } finally {
    await database.stop()
  }
  return { ...report, seconds: (monotonicMs() - begunAt) / 1000 }
}

/** How many of each kind, at least one. */
function plan (count: number, only: readonly Kind[] = Object.keys(kinds) as Kind[]): Kind[] {
  const shares = only.reduce((sum, kind) => sum + kinds[kind].share, 0)
  return only.flatMap((kind) => Array.from({ length: Math.ceil(count * kinds[kind].share / shares) }, () => kind))
}

/** Races of brief sessions apart: all of those wait for their expiry. */
function inBatches (planned: readonly Kind[], random: Random): Kind[][] {
  const batches: Kind[][] = []
  for (const brief of [true, false]) {
    let batch: Kind[] = []
    let calls = 0
    for (const kind of random.shuffle(planned.filter((kind) => kinds[kind].brief === brief))) {
      if (calls === 0 || calls + kinds[kind].calls > callsInTheAir) {
        batches.push(batch = [])
        calls = 0
      }
      batch.push(kind)
      calls += kinds[kind].calls
    }
  }
  return random.shuffle(batches)
}

async function runBatch (batch: readonly Kind[], { nodes, random, newSubject, report, begunAt }: {
  nodes: Nodes
  random: Random
  newSubject: () => string
  begunAt: number
  report: { races: number, calls: number, byKind: Record<string, number>, violations: string[], wrongAt: Set<number>, longestMs: number }
}): Promise<void> {
  const started = batch.map((kind, index) => ({ kind, sub: newSubject(), node: index % nodes.count }))
  const sessions = await nodes.run(started.map(({ kind, sub, node }) => ({ node, call: { do: 'sign-in', sub, brief: kindOf(kind).brief } })))
  const races = started.map(({ kind, sub }, index): Race => ({ kind, sub, session: sessions[index]! }))
  const broken = races.filter(({ session }) => session.status !== 200)
  for (const { session } of broken) report.violations.push(`sign-in was answered with ${session.status} ${session.code}`)
  const sound = races.filter((race) => !broken.includes(race))
  if (!batch.some((kind) => kindOf(kind).brief)) await setTimeout(rotatableMs + 20)

  const at = monotonicMs() + 20
  const done = await runAll(nodes, sound.map((race) => kindOf(race.kind).steps({ race, random, nodes: nodes.count, at })))
  const asked = await runAll(nodes, sound.map((race, index) => questions(race, done[index]!, { nodes: nodes.count, random })))
  sound.forEach((race, index) => {
    report.races++
    report.calls += done[index]!.length + asked[index]!.length
    report.byKind[race.kind] = (report.byKind[race.kind] ?? 0) + 1
    const wrong = judge(race, done[index]!, asked[index]!)
    report.violations.push(...wrong.map((sentence) => `${race.kind}: ${sentence}`))
    if (wrong.length > 0) report.wrongAt.add(Math.round((at - begunAt) / 1000))
    for (const { answer } of done[index]!) report.longestMs = Math.max(report.longestMs, answer.endedAt - answer.begunAt)
  })
}

/** All groups at once, with the answers group by group. */
async function runAll (nodes: Nodes, groups: readonly (readonly Step[])[]) {
  const answers = await nodes.run(groups.flat())
  let place = 0
  return groups.map((steps) => steps.map((step) => ({ ...step, answer: answers[place++]! })))
}
