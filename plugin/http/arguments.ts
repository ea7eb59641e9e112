import { undefinedProblem } from '../options.ts'

/** What is said of a member, or an argument, that is present and `undefined`. */
export function undefinedMember(name: string): string {
  return `"${name}" ${undefinedProblem}`
}

/**
 * For values that restrict. Without this, `{ roles: ROLES.typo }` would let every user in, and
 * `revoke(id, { sub: user.typo })` would end anybody's session.
 * @throws TypeError that names a member that is present and `undefined`
 */
export function assertDefined(given: object): void {
  for (const [name, value] of Object.entries(given)) if (value === undefined) throw new TypeError(undefinedMember(name))
}

/** @throws TypeError that names a member that is not one of `allowed`: a typo must not pass as a default */
export function assertKnown(given: object, allowed: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !allowed.includes(name))
  if (unknown !== undefined) throw new TypeError(`"${unknown}" is not an option here: expected ${allowed.join(', ')}`)
}

/**
 * The last argument of a call, an object of options that restrict; `{}` where it was left out.
 * @param allowed the members it may have
 * @throws TypeError that names a member that is unknown, or present and `undefined`
 */
export function readRestrictions(given: readonly unknown[], allowed: readonly string[]): Record<string, unknown> {
  if (given.length === 0) return {}
  const [options] = given
  if (options === undefined) throw new TypeError(undefinedMember('options'))
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options)
  if (!isObject) throw new TypeError('"options" must be an object')
  assertKnown(options, allowed)
  assertDefined(options)
  return options as Record<string, unknown>
}
