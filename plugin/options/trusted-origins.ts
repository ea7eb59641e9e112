// A type only: the application's function receives the request. Options know nothing else of Fastify.
import type { FastifyRequest } from 'fastify'
import { optionError } from './option-error.ts'
import { fn, listOf, textOf, unionOf } from './shape.ts'
import { show } from './show.ts'

export interface TrustedOriginsOptions {
  /**
   * Other origins whose pages may send requests by cookie that change something: a list, or a function that decides.
   * Default: none.
   *
   * An entry of the list is compared exactly with the header `Origin` (RFC 6454 §6.2): scheme, host and port, without a
   * path or a wildcard. Other schemes than https are allowed: `capacitor://localhost`, `chrome-extension://ID`.
   *
   * A function suits preview deployments and tenants. It is called only if nothing else allows the request, and only
   * with one well-formed origin, never with `null`. It may be called more than once for a request, and before the body
   * is read. Only `true` allows. If it throws, the request fails with the error. It must be synchronous: anything but
   * `true` and `false`, such as a promise, is a TypeError (500).
   * ```ts
   * await app.register(authenticate, {
   *   issuer,
   *   secret,
   *   trustedOrigins: (origin) => /^https:\/\/pr-\d+\.preview\.example\.com$/.test(origin)
   * })
   * ```
   */
  readonly trustedOrigins?: readonly string[] | ((origin: string, request: FastifyRequest) => boolean) | undefined
}

const must = 'be a list of origins or a synchronous function'

export const trustedOriginsShape = {
  trustedOrigins:
    // The list is last: its errors lie deeper, and `checkShape()` reports those of the last branch.
    unionOf([fn, listOf(textOf({ must: 'be a string', matches: () => true }), { must })], { must })
}

/** Whether pages of an origin may act here. Not called for our own pages. */
export type IsTrustedOrigin = (origin: string, request: FastifyRequest) => boolean

export function resolveTrustedOrigins({ trustedOrigins = [] }: TrustedOriginsOptions): IsTrustedOrigin {
  if (typeof trustedOrigins === 'function') return decidedBy(trustedOrigins)
  const listed = new Set(trustedOrigins.map(checkOrigin))
  return (origin) => listed.has(origin)
}

function decidedBy(decide: IsTrustedOrigin): IsTrustedOrigin {
  if (Object.prototype.toString.call(decide) !== '[object Function]') {
    throw optionError('trustedOrigins', 'must be a list of origins or a synchronous function: received an async one')
  }
  return function isTrustedOrigin(origin, request) {
    // The function may look at a part only, and `https://evil.example, https://app.example.com` ends well.
    if (!isOrigin(origin)) return false
    const result: unknown = decide(origin, request)
    if (typeof result === 'boolean') return result
    // Nobody waits for this promise. Without a handler, its rejection would end the process.
    Promise.resolve(result).catch(() => {})
    throw new TypeError(`"trustedOrigins" must return true or false: received ${describe(result)}`)
  }
}

function describe(result: unknown): string {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === 'function' ? 'a promise' : show(result)
}

function checkOrigin(given: string, index: number): string {
  if (isOrigin(given) && !given.includes('*')) return given
  throw optionError(
    `trustedOrigins.${index}`,
    'must be an exact origin such as "https://app.example.com" or "capacitor://localhost", without a path or a ' +
      `wildcard: received ${show(given)}${remedyFor(given)}`
  )
}

function remedyFor(given: string): string {
  if (given.includes('*')) return '. To accept a pattern, give a function'
  const origin = URL.canParse(given) ? serialize(new URL(given)) : ''
  return isOrigin(origin) ? `. Its origin is ${show(origin)}` : ''
}

/** Pages of these schemes have the origin `null`, or there are no pages. `file` also names every file of a device. */
const schemesWithoutOrigin = new Set(['about:', 'blob:', 'data:', 'file:', 'ftp:', 'javascript:', 'ws:', 'wss:'])

/**
 * Whether a text is one origin as browsers serialize it (RFC 6454 §6.2). `URL.origin` knows only http and https; it is
 * `null` for the schemes of apps and extensions. Their hosts keep their case: Safari writes the id of an extension in
 * upper case.
 */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return url.host !== '' && !schemesWithoutOrigin.has(url.protocol) && serialize(url) === text
}

function serialize({ protocol, host }: URL): string {
  return `${protocol}//${host}`
}
