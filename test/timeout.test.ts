import { randomBytes } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { untilAborted, withTimeout } from '../plugin/timeout.ts'

const timeoutError = () => new Error('too late')

t.test('withTimeout() settles as the work does when the work is in time', async (t) => {
  t.equal(await withTimeout(() => 'immediately', { ms: 60_000, timeoutError }), 'immediately')
  t.equal(await withTimeout(async () => 'soon', { ms: 60_000, timeoutError }), 'soon')
  await t.rejects(
    withTimeout(
      async () => {
        throw new Error('rejected')
      },
      { ms: 60_000, timeoutError }
    ),
    { message: 'rejected' }
  )
  await t.rejects(
    withTimeout(
      () => {
        throw new Error('thrown')
      },
      { ms: 60_000, timeoutError }
    ),
    { message: 'thrown' }
  )
})

t.test(
  'withTimeout() rejects with timeoutError() when the time is up, and so does the promise of the work',
  async (t) => {
    let received: unknown
    await t.rejects(
      withTimeout(
        async (timedOut) => {
          await timedOut.catch((error) => {
            received = error.message
          })
          return await new Promise(() => {})
        },
        { ms: 1, timeoutError }
      ),
      { message: 'too late' }
    )
    t.equal(received, 'too late')
  }
)

t.test('withTimeout() does not refuse what has arrived while the process was busy', async (t) => {
  // The next phase of the event loop runs timers.
  await setImmediate()
  let released = false
  const work = (timedOut: Promise<never>) =>
    new Promise<number>((resolve) => {
      timedOut.catch(() => {
        released = true
      })
      randomBytes(1, (_error, { length }) => resolve(length))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    })
  t.equal(await withTimeout(work, { ms: 1, timeoutError }), 1)
  await setImmediate()
  t.notOk(released, 'the work keeps what it holds')
})

t.test('untilAborted() settles as the work does, or rejects with the reason of the signal', async (t) => {
  const late = new Error('too late')
  const never = new Promise<never>(() => {})
  const rejected = async () => {
    throw new Error('rejected')
  }
  const controller = new AbortController()
  t.equal(await untilAborted(controller.signal, Promise.resolve('in time')), 'in time')
  await t.rejects(untilAborted(controller.signal, rejected()), { message: 'rejected' })
  t.strictSame(getEventListeners(controller.signal, 'abort'), [], 'a signal that lives on collects no listeners')
  const waiting = untilAborted(controller.signal, never)
  controller.abort(late)
  await t.rejects(waiting, late)
  await t.rejects(untilAborted(controller.signal, never), late, 'a signal that was aborted before')
})
