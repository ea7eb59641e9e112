import { withTimeLimit } from './driver.ts'
import { isOfOneCall } from './errors.ts'
import type { Columns } from './rows.ts'

/** How many calls one statement carries at most: a row that it changes is locked until all are done. */
const maxCalls = 100

/** How many statements of one kind run at the same time. The more there are, the fewer calls each of them carries. */
const maxRunning = 2

interface Call<Values> {
  readonly values: Values
  /** False when the caller has stopped waiting: a call that is abandoned must not be carried out later. */
  isAwaited: boolean
  readonly result: Promise<Columns>
  readonly resolve: (columns: Columns) => void
  readonly reject: (error: unknown) => void
}

export interface BatchParts<Values> {
  /** How long a call may take, in milliseconds. */
  readonly limitMs: number
  /**
   * Sends one statement for the calls that `take()` returns, and resolves to its rows. `place` says which call a row
   * belongs to, counted from 1; a call without a row is sent alone. Takes the calls when it has a client.
   */
  readonly send: (take: () => readonly Values[]) => Promise<readonly Columns[]>
  readonly sendAlone: (values: Values) => Promise<Columns>
}

/**
 * Calls of one kind, which share statements. While none is running, a call is sent alone. Those that arrive meanwhile
 * are sent together, in order. Each call resolves after the commit and has a result of its own.
 */
export function createBatches<Values>({ limitMs, send, sendAlone }: BatchParts<Values>) {
  const waiting: Call<Values>[] = []
  let running = 0
  let isOneAlone = false
  /** A statement has no client yet: calls that arrive now are sent with it. */
  let isTaking = false

  async function call(values: Values): Promise<Columns> {
    if (running > 0 || isOneAlone) return await callTogether(values)
    isOneAlone = true
    try {
      return await sendAlone(values)
    } finally {
      isOneAlone = false
      start()
    }
  }

  async function callTogether(values: Values): Promise<Columns> {
    const one = createCall(values)
    waiting.push(one)
    start()
    try {
      return await withTimeLimit(limitMs, () => one.result)
    } finally {
      one.isAwaited = false
    }
  }

  function start(): void {
    if (isTaking || running >= (isOneAlone ? maxRunning - 1 : maxRunning) || waiting.length === 0) return
    isTaking = true
    running++
    void run().finally(() => {
      running--
      start()
    })
  }

  async function run(): Promise<void> {
    const waitingBefore = waiting.length
    let calls: readonly Call<Values>[] | undefined
    function take(count: number): readonly Call<Values>[] {
      isTaking = false
      calls = waiting.splice(0, count).filter(({ isAwaited }) => isAwaited)
      start()
      return calls
    }
    try {
      const rows = await send(() => take(maxCalls).map(({ values }) => values))
      const left = new Set(calls)
      for (const columns of rows) {
        const done = calls![Number(columns.place) - 1]!
        left.delete(done)
        done.resolve(columns)
      }
      for (const one of left) repeat(one)
    } catch (error) {
      // Calls that have arrived since may have more luck.
      for (const one of calls ?? take(waitingBefore)) {
        if (isOfOneCall(error)) repeat(one)
        else one.reject(error)
      }
    }
  }

  function repeat(one: Call<Values>): void {
    if (one.isAwaited) sendAlone(one.values).then(one.resolve, one.reject)
  }

  return { call }
}

function createCall<Values>(values: Values): Call<Values> {
  let settle!: Pick<Call<Values>, 'resolve' | 'reject'>
  const result = new Promise<Columns>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { values, isAwaited: true, result, ...settle }
}
