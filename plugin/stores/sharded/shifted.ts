import type { SessionRow, Timed } from '../session-store.ts'

/** The members of rows, results and entries that are times of the store's clock. */
const times = new Set<string>([
  'storeTime',
  'until',
  'createdAt',
  'rotatedAt',
  'idleExpiresAt',
  'absoluteExpiresAt',
  'revokedAt'
] satisfies (keyof SessionRow | 'storeTime' | 'until')[])
/** The members that hold rows or entries, alone or in a list. */
const nested = new Set(['row', 'rows', 'revoked', 'evicted', 'entries'])

/**
 * A result of a store with all its times moved by `ms`. The claims and details of a row are the application's: nothing
 * in them is moved.
 */
export function shifted<Result extends Timed>(result: Result, ms: number): Result {
  return ms === 0 ? result : (shiftedMembers(result, ms) as Result)
}

/** What never ends does not move, and the result is a time that databases can hold. */
export function shiftedTime(time: number, ms: number): number {
  const never = Number.MAX_SAFE_INTEGER
  return time >= never ? time : Math.min(time + ms, never)
}

function shiftedMembers(value: object, ms: number): object {
  return Object.fromEntries(Object.entries(value).map((member) => [member[0], shiftedMember(member, ms)]))
}

function shiftedMember([name, member]: [string, unknown], ms: number): unknown {
  if (typeof member === 'number') return times.has(name) ? shiftedTime(member, ms) : member
  if (name === 'retries') return (member as readonly number[]).map((time) => shiftedTime(time, ms))
  if (!nested.has(name) || member === null) return member
  return Array.isArray(member)
    ? member.map((item: object) => shiftedMembers(item, ms))
    : shiftedMembers(member as object, ms)
}
