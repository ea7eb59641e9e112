import { Refusal } from './refusals.ts'

/** 49 000 of them, in lower case, the commonest that leaks have shown; read when the first is asked for, not at the start. */
async function readList(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'])
}

let list: Promise<ReadonlySet<string>> | undefined

/**
 * For passwords that are chosen: what anybody tries first is none.
 * @throws Refusal PASSWORD_COMMON
 */
export async function assertUncommon(password: string, { username }: { username: string }): Promise<void> {
  list ??= readList()
  const folded = password.toLowerCase()
  if (folded === username.toLowerCase() || (await list).has(folded)) throw new Refusal('PASSWORD_COMMON')
}
