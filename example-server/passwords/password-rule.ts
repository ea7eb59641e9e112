/** The rule for passwords, as keywords of a JSON schema. */
export const passwordRule = {
  minLength: 8,
  maxLength: 256,
  // A lone surrogate would be hashed as U+FFFD, and so equal a different password.
  pattern: '^([^\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])*$'
}

export function isPassword(text: string): boolean {
  const { minLength, maxLength, pattern } = passwordRule
  return text.length >= minLength && text.length <= maxLength && new RegExp(pattern).test(text)
}
