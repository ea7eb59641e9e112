import { isScopeToken, reservedClaims } from './claims.ts'

/**
 * Refuses claims that an application may not set, or that are no JSON.
 * @throws TypeError that names the claim
 */
export function checkAppClaims(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  // What is signed is what JSON makes of them: a `toJSON` has its say before they are looked at.
  const json = JSON.stringify(claims) ?? 'null'
  // Text cannot look like a member here: its own quotation marks are escaped.
  if (json.includes('"__proto__":')) throw new TypeError('"claims" must not contain "__proto__", at any depth')
  const own = JSON.parse(json)
  if (typeof own !== 'object' || own === null || Array.isArray(own)) throw new TypeError('"claims" must be an object')
  const reserved = reservedClaims.find((name) => Object.hasOwn(own, name))
  if (reserved) throw new TypeError(`"claims" must not contain "${reserved}": the plugin sets it`)
  return own
}

/** @throws TypeError when `scope` is not as in RFC 6749 §3.3: tokens of printable ASCII with one space between them */
export function checkScope(scope: unknown): string | null {
  if (scope === undefined || scope === null || scope === '') return null
  if (typeof scope !== 'string' || !scope.split(' ').every(isScopeToken)) {
    throw new TypeError('"scope" must be scope tokens with one space between them (RFC 6749 §3.3)')
  }
  return scope
}

/** Says which of the application's claims make a token large: sizes and names, no values. */
export function describeLargest(claims: Readonly<Record<string, unknown>>): string {
  const sizes = Object.entries(claims).map(([name, value]) => ({
    name,
    bytes: Buffer.byteLength(JSON.stringify(value) ?? '')
  }))
  const largest = sizes
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ name, bytes }) => `${name} (${bytes} bytes)`)
  return `The largest claims: ${largest.join(', ') || "none of the application's"}`
}
