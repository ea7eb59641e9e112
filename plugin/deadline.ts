/**
 * Waits for work until its time is up, and rejects then with what `lateness()` makes. The work is not stopped, but is
 * given the same rejection, to let go of what it holds.
 */
export async function beforeDeadline<T>(
  work: (late: Promise<never>) => T | Promise<T>,
  { ms, lateness }: { ms: number; lateness: () => Error }
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(lateness()), ms)
  })
  try {
    return await Promise.race([work(late), late])
  } finally {
    clearTimeout(timer)
  }
}
