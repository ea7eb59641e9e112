import { did, isDone, isUncertain } from './history.ts'
import type { Did, Operation } from './history.ts'
import type { Rotations } from './rotations.ts'

/**
 * `done`: the session has ended by `end`, everywhere. `here`: the write failed; the node that received it refuses the
 * session from `end` on, and repeats the write. `perhaps`: at any time from `start` on, or never.
 */
export interface Ending {
  readonly kind: 'done' | 'here' | 'perhaps'
  readonly node: string
  readonly start: number
  readonly end: number
  readonly by: Operation
}

/** Both clocks count in milliseconds. */
const roundingMs = 20

/** Every operation that may have ended a session. */
export function endingsOf({
  id,
  sub,
  signIn,
  rotations,
  operations,
  maxSessions,
  isClockUncertain,
  mayBeLost
}: {
  id: string
  sub: string
  signIn: Did<'sign-in'>
  rotations: Rotations
  operations: readonly Operation[]
  maxSessions: number
  isClockUncertain: (operation: Operation) => boolean
  mayBeLost: (span: { start: number; end: number }) => boolean
}): readonly Ending[] {
  const signIns = operations.filter(did('sign-in')).filter(({ call }) => call.sub === sub)
  const countBy = (moment: number) => signIns.filter(({ start }) => start <= moment).length

  function kindOf(operation: Operation): { kind: Ending['kind']; end?: number } | null {
    const { call, outcome, start } = operation
    const perhaps = isUncertain(operation) ? { kind: 'perhaps' as const } : null
    const done = isDone(operation) ? { kind: 'done' as const } : perhaps
    switch (call.do) {
      case 'sign-out':
        // A node whose clock is wrong does not recognize an access token.
        if (!call.token.startsWith('rt1.') && isClockUncertain(operation)) return { kind: 'perhaps' }
        return outcome?.status === 503 ? { kind: 'here' } : done
      case 'revoke':
        return call.sessionId !== id || (call.sub ?? sub) !== sub || outcome?.found === false ? null : done
      case 'revoke-all':
        return call.except === id || done === null ? null : ofAll(operation, done.kind)
      case 'sign-in':
        if (done === null || operation === signIn) return null
        if (call.cookies !== undefined && call.cookies.refresh.split('.')[1] === id) return done
        if (call.revokeOthers && call.sub === sub) return ofAll(operation, done.kind)
        return call.sub === sub && countBy(start) > maxSessions ? { kind: 'perhaps' } : null
      case 'refresh':
        if (outcome?.code === 'AUTH_REFRESH_REUSED') return { kind: 'done' }
        return isUncertain(operation) && rotations.isPast({ call, end: operation.end }) ? { kind: 'perhaps' } : null
      default:
        return null
    }
  }

  /** For an operation that ends all sessions of the subject: this one existed before, or must be refused afterwards. */
  function ofAll({ start, end }: Operation, kind: 'done' | 'perhaps'): { kind: Ending['kind']; end?: number } | null {
    if (kind === 'perhaps') return { kind }
    const { readAt } = signIn.call
    const isBefore = signIn.end < start || (readAt !== undefined && readAt < start - roundingMs)
    // The database has lost this session.
    if (isBefore && mayBeLost(signIn)) return { kind: 'perhaps' }
    if (isBefore) return { kind, end: Math.max(end, signIn.end) }
    return signIn.start <= end ? { kind: 'perhaps' } : null
  }

  return operations.flatMap((by) => {
    const ending = kindOf(by)
    return ending === null ? [] : [{ node: by.node, start: by.start, end: by.end, by, ...ending }]
  })
}
