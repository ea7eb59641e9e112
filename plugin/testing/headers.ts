import type { CookieSettings } from '../options/cookies.ts'
import type { ReadTerms } from './sign-in.ts'

/** The credentials of a request. */
export interface Credentials {
  readonly accessToken: string
  /** `null`: the request does not have one. */
  readonly refreshToken: string | null
}

/** The origin of a page that has nothing to do with the application. */
const anotherSite = 'https://another-site.example'

/** The headers by which a client presents its credentials. */
export function headersOf(
  { accessToken, refreshToken }: Credentials,
  { cookies, terms: { transport = 'bearer', crossSite = false } }: { cookies: CookieSettings | null; terms: ReadTerms }
): Record<string, string> {
  if (transport === 'bearer') return { authorization: `Bearer ${accessToken}`, ...siteHeaders(crossSite) }
  const { access, refresh } = cookies!
  const pairs = [`${access}=${accessToken}`, ...(refreshToken === null ? [] : [`${refresh}=${refreshToken}`])]
  return { cookie: pairs.join('; '), 'sec-fetch-site': 'same-origin', ...siteHeaders(crossSite) }
}

/** What a browser adds (Fetch §3.2 and Fetch Metadata §2.4). */
function siteHeaders(crossSite: boolean | string): Record<string, string> {
  if (crossSite === false) return {}
  return { origin: crossSite === true ? anotherSite : crossSite, 'sec-fetch-site': 'cross-site' }
}
