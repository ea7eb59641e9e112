import { undefinedMember } from '../arguments.ts'
import { isNumericDate, isScopeToken } from '../tokens/claims.ts'
import type { SessionDetails } from './session-details.ts'

/** When and how the user of a session authenticated. */
export type Authentication = Pick<SessionDetails, 'authTime' | 'acr' | 'amr'>

export interface AuthenticationInput {
  /**
   * When the user proved who they are, in seconds since the epoch: the claim `auth_time` of the session's access tokens
   * (RFC 9470 §6.1). A callback from an identity provider passes the `auth_time` of the ID token, or `null` without
   * one: a need `maxAgeSeconds` then refuses the session. Must not be `undefined`. Default: now.
   */
  readonly authTime?: number | null
  /**
   * The authentication context class, such as a level of assurance: the claim `acr` (RFC 9470 §6.1). 1 to 255
   * characters of printable ASCII without space, quotation mark and backslash. Default: none.
   */
  readonly acr?: string | undefined
  /**
   * The methods that were used, such as `['pwd', 'otp']`: the claim `amr` (RFC 8176). At most 16 entries like `acr`; an
   * empty list counts as none. Default: none.
   */
  readonly amr?: readonly string[] | undefined
}

export interface AuthenticationParts {
  /** The clock of local access tokens, milliseconds since the epoch. */
  readonly clock: () => number
  /** This node's own clock, which `authTime` is compared with. */
  readonly nodeClock: () => number
  /** How far `authTime` may lie in the future: an identity provider's clock may be ahead. */
  readonly clockToleranceSeconds: number
}

const maxLength = 255
const maxMethods = 16

/** Reads the members of a sign-in that say how the user authenticated. */
export function createReadAuthentication({ clock, nodeClock, clockToleranceSeconds }: AuthenticationParts) {
  /** @throws TypeError that names the invalid member */
  return function readAuthentication(input: AuthenticationInput): Authentication {
    return { authTime: readAuthTime(input), acr: readAcr(input.acr), amr: readAmr(input.amr) }
  }

  function readAuthTime(input: AuthenticationInput): number | null {
    const now = clock() / 1000
    if (!('authTime' in input)) return Math.floor(now)
    const { authTime } = input
    // A provider that sends no `auth_time` must not make the user fresh.
    if (authTime === undefined) throw new TypeError(undefinedMember('authTime'))
    if (authTime === null) return null
    if (!isNumericDate(authTime)) {
      throw new TypeError('"authTime" must be seconds since the epoch, or null if it is unknown')
    }
    const age = nodeClock() / 1000 - Math.floor(authTime)
    if (age < -clockToleranceSeconds) {
      throw new TypeError(
        `"authTime" must not be in the future (it is in seconds, not milliseconds): received ${authTime}`
      )
    }
    // Moved to the clock of local tokens, by which it is compared later. Never after now: it would stay fresh longer.
    return Math.min(Math.floor(now), Math.round(now - age))
  }
}

function readAcr(acr: unknown): string | null {
  if (acr === undefined || acr === null) return null
  if (!isValue(acr)) throw new TypeError(`"acr" must be ${described}`)
  return acr
}

function readAmr(amr: unknown): readonly string[] | null {
  if (amr === undefined || amr === null) return null
  if (!Array.isArray(amr) || amr.length > maxMethods || !amr.every(isValue)) {
    throw new TypeError(`"amr" must be a list of at most ${maxMethods} strings, each ${described}`)
  }
  // ID tokens may have an empty list (OpenID Connect Core §2).
  return amr.length === 0 ? null : [...amr]
}

const described = `1 to ${maxLength} characters of printable ASCII without space, quotation mark and backslash`

/** What a need or a challenge can list (RFC 9470 §3). */
function isValue(value: unknown): value is string {
  return isScopeToken(value) && value.length <= maxLength
}
