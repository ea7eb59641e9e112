/**
 * Waits for all of them, so that nothing is under way when the caller learns of a failure.
 * @throws the first error in the list
 */
export async function settledAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
