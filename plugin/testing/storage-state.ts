import type { CookieSettings } from '../options/cookies.ts'
import type { TokenSet } from '../sessions/token-issuer.ts'

/** What Playwright's `browser.newContext({ storageState })` takes. */
export interface StorageState {
  cookies: {
    name: string
    value: string
    domain: string
    path: string
    /** Seconds since the epoch, by the browser's clock; -1 until the browser is closed. */
    expires: number
    httpOnly: boolean
    secure: boolean
    sameSite: 'Strict' | 'Lax' | 'None'
  }[]
  origins: { origin: string; localStorage: { name: string; value: string }[] }[]
}

const sameSites = { strict: 'Strict', lax: 'Lax', none: 'None' } as const

/** The cookies of a session as a browser would keep them after a sign-in at this URL. */
export function storageStateOf(
  { accessToken, refreshToken, sessionExpiresIn, persistent }: TokenSet,
  { cookies, url }: { cookies: CookieSettings; url: string | URL }
): StorageState {
  const { access, refresh, domain, secure, sameSite } = cookies
  const attributes = {
    domain: domain === undefined ? new URL(url).hostname : `.${domain}`,
    path: '/',
    // The browser's clock is the real one.
    expires: persistent ? Math.floor(Date.now() / 1000) + sessionExpiresIn : -1,
    httpOnly: true,
    secure,
    sameSite: sameSites[sameSite]
  }
  return {
    cookies: [
      { name: access, value: accessToken, ...attributes },
      { name: refresh, value: refreshToken, ...attributes }
    ],
    origins: []
  }
}
