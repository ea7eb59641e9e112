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
  const timedOut = new Promise<never>((_resolve, reject) => {
    // Node reads what has arrived between the two.
    timer = setTimeout(() => setImmediate(() => reject(timeoutError())), ms)
  })
  try {
    return await Promise.race([work(timedOut), timedOut])
  } finally {
    clearTimeout(timer)
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
