/** The problem of a member, an argument or an option that restricts, and is present but `undefined`. */
export const undefinedProblem = 'is undefined: give it a value, or leave it out'

/** The message about a member or an argument that is present but `undefined`. */
export function undefinedMember(name: string): string {
  return `"${name}" ${undefinedProblem}`
}

/**
 * For values that restrict. Without this check, `{ roles: ROLES.typo }` would let every user in, and
 * `revoke(id, { sub: user.typo })` would end anybody's session.
 * @throws TypeError that names a member that is present but `undefined`
 */
export function assertDefined(given: object): void {
  for (const [name, value] of Object.entries(given)) if (value === undefined) throw new TypeError(undefinedMember(name))
}

/** @throws TypeError that names a member that is not in `allowed`: a typo must not leave a default in force */
export function assertKnown(given: object, allowed: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !allowed.includes(name))
  if (unknown !== undefined) throw new TypeError(unknownMember(unknown, allowed))
}

/** The message about a member that does not exist. */
function unknownMember(name: string, allowed: readonly string[]): string {
  const others = allowed.slice(0, -1).join(', ')
  return `unknown member "${name}": expected ${others === '' ? '' : `${others} or `}${allowed.at(-1)}`
}

/**
 * Reads the last argument of a call: an object whose members restrict what the call does. `{}` if it was left out.
 * @param allowed the members it may have
 * @throws TypeError that names a member that is unknown, or present but `undefined`
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
