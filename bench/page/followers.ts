import type { Followers } from '../followers.ts'
import { count, micros, table } from './tables.ts'

/** What a sign-out costs Redis, and when all nodes know it. */
export function followersTable({ cpuMicrosPerSignOut, bytesPerSignOut, lastDelayMs }: Followers): string {
  return table(
    ['one sign-out, for all nodes together', 'with push', 'by polling only'],
    [
      ['CPU of Redis', micros(cpuMicrosPerSignOut.push), micros(cpuMicrosPerSignOut.poll)],
      ['bytes that Redis sends', count(bytesPerSignOut.push), count(bytesPerSignOut.poll)],
      ['until the last node knows it', `${count(lastDelayMs.push)} ms`, `${count(lastDelayMs.poll)} ms`]
    ]
  )
}
