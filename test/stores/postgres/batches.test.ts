import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createBatches } from '../../../plugin/stores/postgres/batches.ts'
import type { Columns } from '../../../plugin/stores/postgres/rows.ts'
import { times } from '../../fixtures/store-values.ts'

/** Batches whose statements wait until the test gives them a client and lets them end. */
function createManual({ limitMs = 60_000 } = {}) {
  const statements: Statement[] = []
  const alone: { id: string; end: (columns: Columns) => void }[] = []
  const batches = createBatches<string>({
    limitMs,
    send: (take) =>
      new Promise((resolve, reject) => {
        statements.push({ take, end: resolve, fail: reject })
      }),
    sendAlone: (id) =>
      new Promise((resolve) => {
        alone.push({ id, end: resolve })
      })
  })
  /** A call that is alone at the beginning, so that further calls wait for a statement. Returns what ends it. */
  async function occupy(): Promise<() => Promise<void>> {
    void batches.call('first')
    await setImmediate()
    const [first] = alone.splice(0)
    t.equal(first?.id, 'first')
    return async () => {
      first!.end({ id: 'first' })
      await setImmediate()
    }
  }
  return { call: batches.call, statements, alone, occupy }
}

interface Statement {
  readonly take: () => readonly string[]
  readonly end: (rows: Columns[]) => void
  readonly fail: (error: unknown) => void
}

const rowsFor = (ids: readonly string[]): Columns[] => ids.map((id, index) => ({ place: index + 1, id }))
const serverError = (code: string) => Object.assign(new Error(`SQLSTATE ${code}`), { code })

t.test('call() sends a call alone while none is running', async (t) => {
  const { call, statements, alone } = createManual()
  for (const id of ['a', 'b']) {
    const calling = call(id)
    alone.pop()!.end({ id })
    t.strictSame(await calling, { id })
  }
  t.equal(statements.length, 0)
})

t.test('call() sends the calls that arrive until there is a client together, in order', async (t) => {
  const { call, statements, alone, occupy } = createManual()
  await occupy()
  const calling = ['a', 'b', 'c'].map(call)
  t.equal(statements.length, 1)
  t.strictSame(statements[0]!.take(), ['a', 'b', 'c'])
  // The order of the rows says nothing.
  statements[0]!.end(rowsFor(['a', 'b', 'c']).reverse())
  t.strictSame(
    (await Promise.all(calling)).map(({ id }) => id),
    ['a', 'b', 'c']
  )
  t.equal(alone.length, 0)
})

t.test('call() sends two statements at the same time as soon as no call is alone', async (t) => {
  const { call, statements, alone, occupy } = createManual()
  const endFirst = await occupy()
  const calling = Promise.all(['a', 'b'].map(call))
  t.strictSame(statements[0]!.take(), ['a', 'b'])
  const later = Promise.all(times(150, (index) => call(`${index}`)))
  t.equal(statements.length, 1, 'beside the call that is alone')
  await endFirst()
  t.equal(statements.length, 2)
  t.equal(statements[1]!.take().length, 100)
  t.equal(statements.length, 2)
  statements[0]!.end(rowsFor(['a', 'b']))
  await calling
  await setImmediate()
  t.equal(statements[2]!.take().length, 50)
  statements[1]!.end(rowsFor(times(100, String)))
  await setImmediate()
  const last = call('last')
  t.equal(alone.length, 0, 'while a statement is running')
  t.strictSame(statements[3]!.take(), ['last'])
  statements[2]!.end(rowsFor(times(50, String)))
  statements[3]!.end(rowsFor(['last']))
  t.match(await last, { id: 'last' })
  t.equal((await later).length, 150)
})

t.test('call() asks for one client at a time, and for the next one when a statement has its own', async (t) => {
  const { call, statements, occupy } = createManual()
  const endFirst = await occupy()
  const calling = Promise.all(times(150, (index) => call(`${index}`)))
  await endFirst()
  t.equal(statements.length, 1, 'it has no client yet, so it can carry whatever arrives')
  t.equal(statements[0]!.take().length, 100)
  t.equal(statements.length, 2)
  const more = call('more')
  t.equal(statements.length, 2)
  const ids = statements[1]!.take()
  t.strictSame([ids.length, ids.at(-1)], [51, 'more'])
  statements[0]!.end(rowsFor(times(100, String)))
  statements[1]!.end(rowsFor(ids))
  await Promise.all([calling, more])
})

t.test('call() runs two statements at the same time, of at most 100 calls each', async (t) => {
  const { call, statements, occupy } = createManual()
  await occupy()
  const calling = Promise.all(times(250, (index) => call(`${index}`)))
  const ids = times(250, String)
  t.equal(statements.length, 1, 'beside the call that is sent alone')
  const taken = statements.map(({ take }) => take())
  t.strictSame(taken, [ids.slice(0, 100)])
  t.equal(statements.length, 1)
  statements[0]!.end(rowsFor(taken[0]!))
  await setImmediate()
  t.equal(statements.length, 2)
  t.strictSame(statements[1]!.take(), ids.slice(100, 200))
  statements[1]!.end(rowsFor(ids.slice(100, 200)))
  await setImmediate()
  t.strictSame(statements[2]!.take(), ids.slice(200))
  statements[2]!.end(rowsFor(ids.slice(200)))
  t.strictSame(
    (await calling).map(({ id }) => id),
    ids
  )
})

t.test('call() sends a call alone whose session is locked, and the others do not wait for it', async (t) => {
  const { call, statements, alone, occupy } = createManual()
  await occupy()
  const [locked, other] = ['locked', 'other'].map(call)
  statements[0]!.take()
  statements[0]!.end([{ place: 2, id: 'other' }])
  t.strictSame(await other, { place: 2, id: 'other' })
  t.equal(alone[0]!.id, 'locked')
  const later = call('later')
  t.strictSame(statements[1]!.take(), ['later'], 'a statement is sent while the locked one waits')
  statements[1]!.end(rowsFor(['later']))
  t.match(await later, { id: 'later' })
  alone[0]!.end({ id: 'locked' })
  t.strictSame(await locked, { id: 'locked' })
})

t.test('call() repeats each call alone if a value of one has caused the error', async (t) => {
  const { call, statements, alone, occupy } = createManual()
  await occupy()
  const calling = ['a', '\0'].map(call)
  statements[0]!.take()
  statements[0]!.fail(serverError('22021'))
  await setImmediate()
  t.strictSame(
    alone.map(({ id }) => id),
    ['a', '\0']
  )
  for (const { id, end } of alone) end({ id })
  t.strictSame(await Promise.all(calling), [{ id: 'a' }, { id: '\0' }])
})

for (const code of ['25006', '40001', '53100', '55P03', '57P01', undefined]) {
  t.test(`call() rejects all calls of a statement that fails with ${code ?? 'no SQLSTATE'}`, async (t) => {
    const { call, statements, alone, occupy } = createManual()
    await occupy()
    const calling = ['a', 'b'].map(call)
    statements[0]!.take()
    const waiting = call('c')
    const error = code === undefined ? new Error('Connection terminated unexpectedly') : serverError(code)
    statements[0]!.fail(error)
    for (const one of calling) await t.rejects(one, error)
    t.equal(alone.length, 0, 'they may have been carried out')
    t.strictSame(statements[1]!.take(), ['c'])
    statements[1]!.end(rowsFor(['c']))
    t.match(await waiting, { id: 'c' })
  })
}

t.test('call() rejects only the calls that waited before, if there is no client', async (t) => {
  const { call, statements, occupy } = createManual()
  await occupy()
  const before = call('before')
  const since = call('since')
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  statements[0]!.fail(refused)
  await t.rejects(before, refused)
  await setImmediate()
  t.strictSame(statements[1]!.take(), ['since'])
  statements[1]!.end(rowsFor(['since']))
  t.match(await since, { id: 'since' })
})

t.test('call() does not carry a call out that its caller has abandoned', async (t) => {
  const { call, statements, alone, occupy } = createManual({ limitMs: 1 })
  await occupy()
  const timedOut = { message: 'PostgreSQL did not respond within 1 ms' }
  await t.rejects(call('waits for a client'), timedOut)
  t.strictSame(statements[0]!.take(), [])
  statements[0]!.end([])
  await setImmediate()
  const locked = call('locked')
  statements[1]!.take()
  await t.rejects(locked, timedOut)
  statements[1]!.end([])
  await setImmediate()
  t.strictSame(alone, [], 'it is not sent alone either')
})
