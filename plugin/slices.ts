import { setImmediate } from 'node:timers/promises'

/** How long one slice blocks the process, apart from the step that it ends with. */
const sliceMs = 10

/**
 * Runs a generator to its end in slices, and returns what it returns. Other work of the process runs between them: the
 * generator yields wherever that may happen. The first slice runs before this function returns its promise.
 * @param monotonic milliseconds that never run back. Tests replace it
 */
export async function inSlices<Result>(
  work: Generator<unknown, Result>,
  monotonic = () => performance.now()
): Promise<Result> {
  for (;;) {
    const until = monotonic() + sliceMs
    do {
      const step = work.next()
      if (step.done === true) return step.value
    } while (monotonic() < until)
    await setImmediate()
  }
}
