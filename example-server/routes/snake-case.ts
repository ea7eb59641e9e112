type SnakeCase<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeCase<Rest>}`
  : ''

type SnakeCased<T> = { [Name in keyof T as Name extends string ? SnakeCase<Name> : never]: T[Name] }

/** A copy for a response: names in bodies are in snake_case, as in RFC 6749. Does not change the values. */
export function snakeCased<T extends object>(row: T): SnakeCased<T> {
  const members = Object.entries(row).map(([name, value]) => [snakeCase(name), value])
  return Object.fromEntries(members) as SnakeCased<T>
}

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
