/**
 * The same text in memory of its own: a part of a text keeps the whole of it in memory, a token its `Cookie` header, say.
 * V8 copies where the two halves of a text are asked for a part of both; by way of a Buffer it takes three times as long.
 */
export function flatCopy(text: string): string {
  return ` ${text}`.slice(1)
}
