/** What a password may be, as members of a JSON schema. */
export const passwordRule = {
  minLength: 8,
  maxLength: 256,
  // Half a surrogate pair would reach the hash as U+FFFD, and so equal another password.
  pattern: '^([^\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])*$'
}

export function isPassword(text: string): boolean {
  const { minLength, maxLength, pattern } = passwordRule
  return text.length >= minLength && text.length <= maxLength && new RegExp(pattern).test(text)
}
