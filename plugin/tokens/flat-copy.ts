/**
 * Copies a string so that it no longer keeps the string it was sliced from alive: a token would retain its whole
 * `Cookie` header. V8 copies the two parts into one string as soon as a character is read. That takes a third of the
 * time of a Buffer, and ` ${text}`.slice(1) would keep a slice in memory besides.
 */
export function flatCopy(text: string): string {
  const parts = `${text.slice(0, 1)}${text.slice(1)}`
  return parts.charCodeAt(0) >= 0 ? parts : ''
}
