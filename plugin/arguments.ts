/** The problem of a member, an argument or an option that restricts, and is present but `undefined`. */
export const undefinedProblem = 'is undefined: give it a value, or leave it out'

/** The message about a member or an argument that is present but `undefined`. */
export function undefinedMember(name: string): string {
  return `"${name}" ${undefinedProblem}`
}

/**
 * For values that restrict. Without this check, `{ roles: ROLES.typo }` would let every user in, and
 * `revoke(id, { sub: user.typo })` would end anybody's session.
 * @param describe the message about such a member
 * @throws TypeError that names a member that is present but `undefined`
 */
export function assertDefined(given: object, describe = undefinedMember): void {
  for (const [name, value] of Object.entries(given)) if (value === undefined) throw new TypeError(describe(name))
}

/**
 * @throws TypeError that names a member that is not in `allowed`, because a typo must not leave a default in force;
 * also for anything that is not an object
 */
export function assertKnown(given: unknown, allowed: readonly string[]): asserts given is object {
  if (!isObject(given)) throw new TypeError(`expected an object with ${anyOf(allowed)}`)
  const unknown = unknownMember(given, allowed)
  if (unknown !== undefined) throw new TypeError(`unknown member "${unknown}": expected ${anyOf(allowed)}`)
}

function anyOf(names: readonly string[]): string {
  const others = names.slice(0, -1).join(', ')
  return `${others === '' ? '' : `${others} or `}${names.at(-1)}`
}

/**
 * Checks what a function of the application returned.
 * @param expected.by the option
 * @param expected.or what else it may return, as the message shows it
 * @throws TypeError that names the option, and a member that is not one of `members`
 */
export function assertReturned(
  given: unknown,
  { by, members, or = '' }: { readonly by: string; readonly members: readonly string[]; readonly or?: string }
): asserts given is object {
  const unknown = isObject(given) ? unknownMember(given, members) : null
  if (unknown === undefined) return
  const received = unknown === null ? kindOf(given) : `unknown member "${unknown}"`
  const expected = `{ ${members.map((name) => `${name}?`).join(', ')} }${or}`
  throw new TypeError(`"${by}" must return ${expected}: received ${received}`)
}

function unknownMember(given: object, allowed: readonly string[]): string | undefined {
  return Object.keys(given).find((name) => !allowed.includes(name))
}

/** Not a list, a promise, a `Map` or a `Set`: what they hold would be ignored. */
export function isObject(value: unknown): value is object {
  return tagOf(value) === 'Object'
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Promise) return 'a promise'
  if (value === undefined) return 'undefined (is a "return" missing?)'
  return `a ${typeof value === 'object' ? tagOf(value) : typeof value}`
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
  if (!isObject(options)) throw new TypeError('"options" must be an object')
  assertKnown(options, allowed)
  assertDefined(options)
  return options as Record<string, unknown>
}
