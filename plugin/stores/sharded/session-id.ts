import { randomBytes } from 'node:crypto'

/** The name of a shard: ids of sessions begin with it, and 22 characters follow. */
export const shardNameShape = /^[A-Za-z\d-]{1,16}$/

const idShape = /^([A-Za-z\d-]{1,16})~[\w-]{22}$/

export function newSessionId(shard: string): string {
  return `${shard}~${randomBytes(16).toString('base64url')}`
}

/** The shard that the id names; `null` for an id that `newSessionId()` did not make. */
export function shardNameIn(id: string): string | null {
  return idShape.exec(id)?.[1] ?? null
}
