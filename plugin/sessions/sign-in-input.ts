import { undefinedMember } from '../arguments.ts'
import { checkAppClaims, checkScope } from '../tokens/app-claims.ts'

export interface SignInInput {
  /** Whose session it is: a non-empty, well-formed string of at most 1000 bytes. */
  readonly sub: string
  /** The application's own claims, put into every access token of the session. At most 8 KiB with the rest. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** Space-separated scopes (RFC 6749 §3.3). Default: none. */
  readonly scope?: string | undefined
  /** What `app.sessions.list()` shows of the device, at most 200 characters. Default: `null`. */
  readonly device?: string | undefined
  /**
   * When the credential was read, milliseconds since the epoch by this node's clock: the sign-in is refused if all the
   * subject's sessions were ended at that moment or later. Default: not compared.
   */
  readonly authenticatedAt?: number
  /** Ends all other sessions of the subject in the same step, as after a changed password. Default false. */
  readonly revokeOthers?: boolean
}

const maxDeviceLength = 200
const maxSubBytes = 1000

/** @throws TypeError that names the member */
export function checkSignIn(input: SignInInput) {
  const { sub, claims = {}, scope, device, authenticatedAt, revokeOthers = false } = input
  // Both restrict: a value that got lost must not leave out what it asks for.
  const lost = (['authenticatedAt', 'revokeOthers'] as const).find((name) => name in input && input[name] === undefined)
  if (lost !== undefined) throw new TypeError(undefinedMember(lost))
  if (!isStorable(sub)) {
    throw new TypeError(`"sub" must be a non-empty, well-formed string of at most ${maxSubBytes} bytes`)
  }
  if (authenticatedAt !== undefined && !Number.isFinite(authenticatedAt)) {
    throw new TypeError('"authenticatedAt" must be a time in milliseconds')
  }
  if (typeof revokeOthers !== 'boolean') throw new TypeError('"revokeOthers" must be true or false')
  return {
    sub,
    claims: checkAppClaims(claims),
    scope: checkScope(scope),
    device: checkDevice(device),
    authenticatedAt,
    revokeOthers
  }
}

/**
 * What every database keeps as it is: well-formed Unicode without U+0000, not too long for an index. PostgreSQL fails
 * for anything else, which would be 503 for something that a client sent.
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
