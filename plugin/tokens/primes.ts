/** The primes below a small number, in order. */
export function primesBelow(limit: number): readonly number[] {
  const primes: number[] = []
  for (let number = 2; number < limit; number++) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number)
  }
  return primes
}
