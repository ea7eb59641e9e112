/**
 * A promise that throws when it is used as what it resolves to. Without this, `inject({ headers: auth.as('bob') })`
 * would be a request without credentials, and a test that expects a refusal would pass.
 * @param call.name the method that was called
 * @param call.members what its result has
 */
export function mustBeAwaited<T>(
  promise: Promise<T>,
  { name, members }: { readonly name: string; readonly members: readonly string[] }
): Promise<T> {
  function get(): never {
    throw new TypeError(`${name}() returns a promise: write "await auth.${name}(…)"`)
  }
  return Object.defineProperties(
    promise,
    Object.fromEntries(members.map((member) => [member, { enumerable: true, get }]))
  )
}
