import type { Settings } from '../options/options.ts'
import type { NewSession } from '../stores/session-store.ts'

export interface SessionLimitsInput {
  /**
   * The session expires this many seconds after its last refresh. More than `accessToken.lifetimeSeconds` and
   * `refreshToken.retrySeconds` together; at most `refreshToken.idleSeconds`, and at most `absoluteSeconds`. If the
   * option is lowered later, the lower value counts from the next refresh on. Default: the option. Must not be
   * `undefined`.
   */
  readonly idleSeconds?: number
  /**
   * The session expires this many seconds after sign-in, however often it is refreshed. At least 1, at most
   * `refreshToken.absoluteSeconds`. Default: the option. Must not be `undefined`.
   */
  readonly absoluteSeconds?: number
}

type SessionLimits = Pick<NewSession, 'idleMs' | 'idleLimitMs' | 'absoluteMs'>

/** Decides how long a session may last: `signIn()` can shorten what the options say, and never extend it. */
export function createSessionLimits({ accessToken, refreshToken }: Pick<Settings, 'accessToken' | 'refreshToken'>) {
  const { idleSeconds: longestIdle, absoluteSeconds: longest, retrySeconds } = refreshToken
  /** An access token that is issued at the end of `retrySeconds` must not outlive its session. */
  const tokenSeconds = accessToken.lifetimeSeconds + retrySeconds

  /** @throws TypeError that names the invalid member, and what limits it */
  return function limitsOf({ idleSeconds, absoluteSeconds = longest }: SessionLimitsInput): SessionLimits {
    assertWhole('absoluteSeconds', absoluteSeconds)
    assertBound('absoluteSeconds', {
      isMet: absoluteSeconds <= longest,
      bound: `<= "refreshToken.absoluteSeconds" (${longest})`,
      received: absoluteSeconds
    })
    if (idleSeconds !== undefined) assertIdle(idleSeconds, absoluteSeconds)
    return {
      idleMs: longestIdle * 1000,
      idleLimitMs: idleSeconds === undefined ? null : idleSeconds * 1000,
      absoluteMs: absoluteSeconds * 1000
    }
  }

  function assertIdle(seconds: number, absoluteSeconds: number): void {
    assertWhole('idleSeconds', seconds)
    const bounds = {
      [`> "accessToken.lifetimeSeconds" + "refreshToken.retrySeconds" (${tokenSeconds})`]: seconds > tokenSeconds,
      [`<= "refreshToken.idleSeconds" (${longestIdle})`]: seconds <= longestIdle,
      [`<= "absoluteSeconds" (${absoluteSeconds})`]: seconds <= absoluteSeconds
    }
    for (const [bound, isMet] of Object.entries(bounds)) assertBound('idleSeconds', { bound, isMet, received: seconds })
  }
}

function assertWhole(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return
  throw new TypeError(`"${name}" must be a whole number of seconds, at least 1: received ${String(value)}`)
}

function assertBound(
  name: string,
  { isMet, bound, received }: { isMet: boolean; bound: string; received: number }
): void {
  if (!isMet) throw new TypeError(`"${name}" must be ${bound}: received ${received}`)
}
