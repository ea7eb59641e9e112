import { undefinedMember } from '../arguments.ts'
import type { AuthenticationInput } from './authentication.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'
import type { SessionLimitsInput } from './session-limits.ts'

/** The members of `reply.signIn()` that every transport has. */
export interface SignInInput extends SessionLimitsInput, AuthenticationInput {
  /**
   * The user or machine that signed in: the claim `sub`. Well-formed Unicode without U+0000, 1 to 1000 bytes of UTF-8.
   * A number must be converted to a string. Required.
   */
  readonly sub: string
  /** Claims of the application's own, for every access token of the session. Default: none. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** Space-separated scopes (RFC 6749 §3.3). A refresh can narrow them, never widen them. Default: none. */
  readonly scope?: string | undefined
  /** A name of the device for `app.sessions.list()`, at most 200 characters. Default: none. */
  readonly device?: string | undefined
  /**
   * When the application read the credential, in milliseconds since the epoch (`Date.now()`). The sign-in is refused if
   * all sessions of the subject were revoked at that time or later, or if it is more than a day ago. So a sign-in with
   * an old password cannot outlive the change of the password. Default: not checked. Must not be `undefined`.
   */
  readonly authenticatedAt?: number
  /**
   * Revokes all other sessions of the subject in the same step, for example after a change of the password. Default
   * `false`. Must not be `undefined`.
   */
  readonly revokeOthers?: boolean
  /**
   * Whether the browser keeps the cookies after it was closed ("remember me"). With `false` they have neither `Max-Age`
   * nor `Expires`, also after every refresh. The session itself lasts as long as without it: see `idleSeconds`. Only
   * with `transport: 'cookie'`. Default `true`. Must not be `undefined`.
   */
  readonly persistent?: boolean
}

/** Each restricts: a value that was lost on the way must not lift the restriction. */
const restrictions = ['authenticatedAt', 'revokeOthers', 'idleSeconds', 'absoluteSeconds', 'persistent'] as const

const maxDeviceLength = 200
const maxSubBytes = 1000

/** @throws TypeError that names the invalid member */
export function checkSignIn(input: SignInInput) {
  const { sub, claims = {}, scope, device, authenticatedAt, revokeOthers = false, persistent = true } = input
  const lost = restrictions.find((name) => name in input && input[name] === undefined)
  if (lost !== undefined) throw new TypeError(undefinedMember(lost))
  if (!isStorable(sub)) {
    throw new TypeError(`"sub" must be a string of 1 to ${maxSubBytes} bytes, well-formed and without U+0000`)
  }
  if (authenticatedAt !== undefined && !Number.isFinite(authenticatedAt)) {
    throw new TypeError('"authenticatedAt" must be a time in milliseconds since the epoch')
  }
  if (typeof revokeOthers !== 'boolean') throw new TypeError('"revokeOthers" must be true or false')
  if (typeof persistent !== 'boolean') throw new TypeError('"persistent" must be true or false')
  return {
    sub,
    claims: checkAppClaims(claims),
    scope: checkScope(scope),
    device: checkDevice(device),
    authenticatedAt,
    revokeOthers,
    persistent
  }
}

/**
 * Whether every database can store this text in an index: well-formed Unicode without U+0000, not too long. PostgreSQL
 * rejects anything else, and a client must not be able to cause a 503.
 */
export function isStorable(text: unknown): text is string {
  return (
    typeof text === 'string' &&
    text !== '' &&
    !text.includes('\0') &&
    Buffer.byteLength(text) <= maxSubBytes &&
    Buffer.from(text).toString() === text
  )
}

function checkDevice(device: unknown): string | null {
  if (device === undefined || device === null) return null
  if (typeof device !== 'string' || device.length > maxDeviceLength) {
    throw new TypeError(`"device" must be a string of at most ${maxDeviceLength} characters`)
  }
  return device
}
