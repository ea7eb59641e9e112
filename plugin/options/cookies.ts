import { withDefaults } from './with-defaults.ts'
import { optionError } from './option-error.ts'
import { falseOr, flag, objectOf, oneOf, text } from './shape.ts'
import { resolveTrustedOrigins, trustedOriginsShape, type TrustedOriginsOptions } from './trusted-origins.ts'

export const sameSiteValues = ['lax', 'strict', 'none'] as const

/** The two cookies of a session. They are always `HttpOnly` and `Path=/`. */
export interface CookieOptions {
  /**
   * The name of the access cookie. Registrations of one application need different names. Default `__Host-access`; with
   * `domain` `__Secure-access`; with `secure: false` `access`.
   */
  readonly access?: string | undefined
  /**
   * The name of the refresh cookie. Registrations of one application need different names. Default `__Host-refresh`;
   * with `domain` `__Secure-refresh`; with `secure: false` `refresh`.
   */
  readonly refresh?: string | undefined
  /** The `SameSite` attribute (RFC 6265bis §5.6.7). `none` requires `secure`. Default `lax`. */
  readonly sameSite?: (typeof sameSiteValues)[number] | undefined
  /**
   * The `Domain` attribute, a host name: shares the cookies with its subdomains and gives up the protection of the
   * `__Host-` prefix. Default: none, the cookies belong to one host.
   */
  readonly domain?: string | undefined
  /**
   * The `Partitioned` attribute (CHIPS). An application that other sites show in a frame needs it: the browser keeps
   * one session for each top-level site, also where it blocks third-party cookies. Requires `sameSite: 'none'`.
   * Default `false`.
   */
  readonly partitioned?: boolean | undefined
  /** The `Secure` attribute. `false` is rejected if `NODE_ENV` is `production`. Default `true`. */
  readonly secure?: boolean | undefined
  /**
   * Lets `authenticate()` refresh in place when the access cookie has expired and the refresh cookie is valid. It does
   * not after the response's headers have been sent, nor in a hook that was added before the plugin. Default `false`.
   */
  readonly renew?: boolean | undefined
}

export interface CookiesOptions extends TrustedOriginsOptions {
  /** The session cookies, or `false` to accept tokens from the `Authorization` header only. Default: on. */
  readonly cookies?: false | CookieOptions | undefined
}

/** Without `domain` and with `secure`: the names depend on both. */
export const cookieDefaults = Object.freeze({
  access: '__Host-access',
  refresh: '__Host-refresh',
  sameSite: 'lax' as (typeof sameSiteValues)[number],
  partitioned: false,
  secure: true,
  renew: false
})

const cookieShape = objectOf({
  access: text,
  refresh: text,
  sameSite: oneOf(sameSiteValues),
  domain: text,
  partitioned: flag,
  secure: flag,
  renew: flag
})

export const cookiesShape = {
  cookies: falseOr(cookieShape),
  ...trustedOriginsShape
}

export type CookieSettings = ReturnType<typeof resolveCookieAttributes>

export function resolveCookies({ cookies = {}, ...given }: CookiesOptions) {
  return {
    cookies: cookies === false ? null : resolveCookieAttributes(cookies),
    isTrustedOrigin: resolveTrustedOrigins(given)
  }
}

function resolveCookieAttributes(given: CookieOptions) {
  const { domain, secure = cookieDefaults.secure } = given
  const prefix = !secure ? '' : domain === undefined ? '__Host-' : '__Secure-'
  const names = { access: `${prefix}access`, refresh: `${prefix}refresh` }
  const cookies = { ...withDefaults(given, { ...cookieDefaults, ...names }), domain }
  checkName('access', cookies)
  checkName('refresh', cookies)
  if (cookies.access === cookies.refresh) throw optionError('cookies.refresh', 'must differ from "cookies.access"')
  if (cookies.sameSite === 'none' && !secure) {
    throw optionError('cookies.sameSite', 'must not be "none" when "cookies.secure" is false')
  }
  // Without `none`, browsers do not send the cookie from a frame of another site, which is all that it is for.
  if (cookies.partitioned && cookies.sameSite !== 'none') {
    throw optionError('cookies.partitioned', 'must not be true unless "cookies.sameSite" is "none"')
  }
  if (!secure && process.env.NODE_ENV === 'production') {
    throw optionError('cookies.secure', 'must not be false in production')
  }
  if (domain !== undefined && !/^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(domain)) {
    throw optionError('cookies.domain', 'must be a host name')
  }
  return Object.freeze(cookies)
}

/** Browsers drop a cookie whose name has a prefix that its attributes do not satisfy (RFC 6265bis §4.1.3). */
function checkName(
  kind: 'access' | 'refresh',
  cookies: { access: string; refresh: string; domain?: string | undefined; secure: boolean }
): void {
  const name = cookies[kind]
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) {
    throw optionError(`cookies.${kind}`, 'must be a cookie name (RFC 6265 §4.1.1)')
  }
  if (/^__host-/i.test(name) && (!cookies.secure || cookies.domain !== undefined)) {
    throw optionError(
      `cookies.${kind}`,
      'must not begin with "__Host-" when "cookies.domain" is set or "cookies.secure" is false'
    )
  }
  if (/^__secure-/i.test(name) && !cookies.secure) {
    throw optionError(`cookies.${kind}`, 'must not begin with "__Secure-" when "cookies.secure" is false')
  }
}
