/**
 * Copies a string so that it no longer keeps the string it was sliced from alive: a token would retain its whole
 * `Cookie` header. Slicing across a concatenation makes V8 flatten and copy, three times as fast as through a Buffer.
 */
export function flatCopy(text: string): string {
  return ` ${text}`.slice(1)
}
