import { AppError } from '../errors.ts'

/** The 49 000 most common passwords of known leaks, in lower case. */
async function readList(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'])
}

/** Loaded when the first password is chosen, so that it does not delay the start. */
let list: Promise<ReadonlySet<string>> | undefined

/**
 * Asserts that a new password is not one of the first that an attacker would try.
 * @throws AppError PASSWORD_COMMON
 */
export async function assertUncommon(password: string, { username }: { username: string }): Promise<void> {
  list ??= readList()
  const folded = password.toLowerCase()
  if (folded === username.toLowerCase() || (await list).has(folded)) throw new AppError('PASSWORD_COMMON')
}
