/**
 * Waits at most `ms` for the work and then rejects with `timeoutError()`. The work continues, but receives a
 * promise that rejects with the same error, so that it can release what it holds. A result that has arrived while the
 * process was busy counts, although the time is up.
 */
export async function withTimeout<T>(
  work: (timedOut: Promise<never>) => T | Promise<T>,
  { ms, timeoutError }: { readonly ms: number; readonly timeoutError: () => Error }
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let end: NodeJS.Immediate | undefined
  const timedOut = new Promise<never>((_resolve, reject) => {
    const reachEnd = () => {
      // Before that, Node reads what has arrived.
      end = setImmediate(() => reject(timeoutError()))
    }
    timer = setTimeout(reachEnd, ms)
  })
  try {
    return await Promise.race([work(timedOut), timedOut])
  } finally {
    clearTimeout(timer)
    clearImmediate(end)
  }
}

/** Settles as the work does, or rejects with the signal's reason: the work may ignore the signal. */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let abort = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
