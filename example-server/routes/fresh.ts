import { Problem } from './problems.ts'

/**
 * What dangerous actions need: a sign-in within the last 5 minutes. Somebody at an unlocked device, or with a stolen
 * token, must not take the account over. `POST /auth/sign-in-again` makes a session fresh.
 */
export const fresh = { auth: { maxAgeSeconds: 300 } } as const

export const stale = {
  401: Problem('The sign-in is too old (AUTH_STALE_AUTHENTICATION): sign in again', [
    'AUTH_STALE_AUTHENTICATION',
    'AUTH_NO_CREDENTIALS',
    'AUTH_INVALID_TOKEN',
    'AUTH_EXPIRED_TOKEN',
    'AUTH_REVOKED_TOKEN'
  ])
}
