/**
 * Waits at most `ms` for the work and then rejects with `timeoutError()`. The work continues, but receives a
 * promise that rejects with the same error, so that it can release what it holds.
 */
export async function withTimeout<T>(
  work: (timedOut: Promise<never>) => T | Promise<T>,
  { ms, timeoutError }: { readonly ms: number; readonly timeoutError: () => Error }
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timedOut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(timeoutError()), ms)
  })
  try {
    return await Promise.race([work(timedOut), timedOut])
  } finally {
    clearTimeout(timer)
  }
}
