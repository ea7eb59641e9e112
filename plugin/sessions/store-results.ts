import type { SessionStore } from '../stores/session-store.ts'

/** What each result must contain beside `storeTime`. Without it, a custom store with a mistake would fail open. */
const checks: Partial<Record<keyof SessionStore, (result: Record<string, unknown>) => boolean>> = {
  insert: ({ row, revoked, evicted, more, storeTime }) =>
    row === null ||
    (isRow(row) && isRevokedList(revoked, storeTime) && isRevokedList(evicted, storeTime) && typeof more === 'boolean'),
  find: ({ row }) => row === null || isRow(row),
  rotate: isCompareAndSet,
  countRetry: isCompareAndSet,
  countRepeat: isCompareAndSet,
  revoke: ({ revoked, storeTime }) => revoked === null || isRevoked(revoked, storeTime),
  revokeAll: isRevokeMany,
  trim: isRevokeMany,
  list: ({ rows }) => Array.isArray(rows) && rows.every(isRow),
  readRevocations: ({ entries, cursor, more, resumed, storeTime, unread, lost }) =>
    isRevocationList(entries, storeTime) &&
    isOptionalList(unread) &&
    isOptionalList(lost) &&
    typeof cursor === 'string' &&
    typeof more === 'boolean' &&
    typeof resumed === 'boolean'
}

/**
 * Checks what a store returned: a sign-out must not succeed because a custom store returned `undefined`.
 * @throws TypeError that names the method
 */
export function checkResult(name: keyof SessionStore, result: unknown): void {
  const isTimed = isObject(result) && Number.isFinite(result.storeTime)
  const isValid = isTimed && (checks[name]?.(result) ?? true)
  if (!isValid) {
    throw new TypeError(
      `The store's ${name}() returned an invalid result: it must be what SessionStore declares, ` +
        'with times in milliseconds since the epoch'
    )
  }
}

/** Whether these are entries of the revocation log, with times that fit the store's. */
export function isRevocationList(entries: unknown, storeTime: unknown): boolean {
  return (
    Array.isArray(entries) &&
    entries.every(
      (entry) =>
        isObject(entry) && (entry.kind === 'session' || entry.kind === 'token') && isRevokedId(entry, storeTime)
    )
  )
}

function isOptionalList(names: unknown): boolean {
  return names === undefined || Array.isArray(names)
}

function isCompareAndSet({ row, applied }: Record<string, unknown>): boolean {
  return typeof applied === 'boolean' && (row === null ? !applied : isRow(row))
}

function isRevokeMany({ revoked, more, storeTime }: Record<string, unknown>): boolean {
  return isRevokedList(revoked, storeTime) && typeof more === 'boolean'
}

function isRow(row: unknown): boolean {
  return (
    isObject(row) &&
    typeof row.id === 'string' &&
    typeof row.sub === 'string' &&
    typeof row.issuer === 'string' &&
    typeof row.sessionKey === 'string' &&
    Number.isSafeInteger(row.generation) &&
    Number.isFinite(row.rotatedAt) &&
    Array.isArray(row.retries) &&
    Number.isFinite(row.idleExpiresAt) &&
    Number.isFinite(row.absoluteExpiresAt) &&
    Number.isFinite(row.accessLifetimeSeconds) &&
    (row.idleLimitMs === null || Number.isFinite(row.idleLimitMs)) &&
    (row.revokedAt === null || Number.isFinite(row.revokedAt)) &&
    isObject(row.claims) &&
    isObject(row.details)
  )
}

function isRevokedList(list: unknown, storeTime: unknown): boolean {
  return Array.isArray(list) && list.every((entry) => isRevoked(entry, storeTime))
}

function isRevoked(entry: unknown, storeTime: unknown): boolean {
  return isObject(entry) && typeof entry.sub === 'string' && isRevokedId(entry, storeTime)
}

/** Rejects an `until` in seconds, by which the revocation would have expired: no lifetime comes near the difference. */
function isRevokedId({ id, until }: Record<string, unknown>, storeTime: unknown): boolean {
  return typeof id === 'string' && typeof until === 'number' && until > (storeTime as number) / 10
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
