import { isScopeToken, reservedClaims } from './claims.ts'

/**
 * Checks claims that an application sets, and returns a copy of them as JSON represents them.
 * @throws TypeError that names a claim which is reserved, or which JSON cannot represent
 */
export function checkAppClaims(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  // JSON is what gets signed, so a `toJSON()` must run before the check.
  const json = JSON.stringify(claims) ?? 'null'
  // A string value cannot match: its quotation marks are escaped.
  if (json.includes('"__proto__":')) throw new TypeError('"claims" must not contain "__proto__", at any depth')
  const own = JSON.parse(json)
  if (typeof own !== 'object' || own === null || Array.isArray(own)) throw new TypeError('"claims" must be an object')
  const reserved = reservedClaims.find((name) => Object.hasOwn(own, name))
  if (reserved) throw new TypeError(`"claims" must not contain "${reserved}": the plugin sets it`)
  return own
}

/**
 * Returns the scope, or `null` for none.
 * @throws TypeError when it does not follow RFC 6749 §3.3: tokens of printable ASCII, separated by one space
 */
export function checkScope(scope: unknown): string | null {
  if (scope === undefined || scope === null || scope === '') return null
  if (typeof scope !== 'string' || !scope.split(' ').every(isScopeToken)) {
    throw new TypeError('"scope" must be scope tokens separated by one space (RFC 6749 §3.3)')
  }
  return scope
}

/** A sentence that names the application's three largest claims and their sizes. Never shows a value. */
export function describeLargest(claims: Readonly<Record<string, unknown>>): string {
  const sizes = Object.entries(claims).map(([name, value]) => ({
    name,
    bytes: Buffer.byteLength(JSON.stringify(value) ?? '')
  }))
  const largest = sizes
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ name, bytes }) => `${name} (${bytes} bytes)`)
  return largest.length === 0 ? 'The application set no claims' : `The largest claims: ${largest.join(', ')}`
}
