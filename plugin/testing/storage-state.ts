import { isLoopback } from '../http/plain-http-warning.ts'
import type { CookieSettings } from '../options/cookies.ts'
import { isHttpUrl } from '../options/safe-url.ts'
import type { TokenSet } from '../sessions/token-issuer.ts'
import { noCookies } from './sign-in.ts'

/** What Playwright's `browser.newContext({ storageState })` takes. */
export interface StorageState {
  /** The access cookie and the refresh cookie, as the browser would keep them. */
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
  /** Always empty: nothing is kept in `localStorage`. */
  origins: { origin: string; localStorage: { name: string; value: string }[] }[]
}

const sameSites = { strict: 'Strict', lax: 'Lax', none: 'None' } as const

/** The cookies of an application, and the host at which the browser finds it. */
interface BrowserCookies {
  readonly cookies: CookieSettings
  readonly host: string
}

/**
 * @throws TypeError unless the application uses cookies, and a browser sends them to this URL (RFC 6265bis §5.8.3)
 */
export function cookiesFor(url: unknown, { cookies }: { readonly cookies: CookieSettings | null }): BrowserCookies {
  if (cookies === null) throw new TypeError(noCookies)
  const text = String(url)
  if (!isHttpUrl(text)) {
    throw new TypeError(
      `"url" must be where the browser finds the application, such as "http://localhost:3000": received ${text}`
    )
  }
  const { protocol, hostname: host, origin } = new URL(text)
  if (cookies.secure && protocol === 'http:' && !isLoopback(host)) {
    throw new TypeError(
      '"url" must use https, or be http://localhost: the cookies are Secure, so a browser does not send them to ' +
        origin
    )
  }
  const domain = cookies.domain?.toLowerCase()
  if (domain !== undefined && host !== domain && !host.endsWith(`.${domain}`)) {
    throw new TypeError(`"url" must be a host of "cookies.domain", ${cookies.domain}: received ${text}`)
  }
  return { cookies, host }
}

/** The cookies of a session as a browser would keep them after a sign-in. */
export function storageStateOf(
  { accessToken, refreshToken, sessionExpiresIn, persistent }: TokenSet,
  { cookies, host }: BrowserCookies
): StorageState {
  const { access, refresh, domain, secure, sameSite } = cookies
  const attributes = {
    domain: domain === undefined ? host : `.${domain}`,
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
