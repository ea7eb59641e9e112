/** What an option must look like. `must` completes the message: `"realm" must be a non-empty string`. */
export type Shape = ValueShape | ListShape | ObjectShape | UnionShape

export interface ValueShape {
  readonly kind: 'value'
  readonly must: string
  readonly matches: (value: unknown) => boolean
}

export interface ListShape {
  readonly kind: 'list'
  readonly must: string
  readonly item: Shape
  readonly minItems: number
}

/** An object of options: without members of other names. */
export interface ObjectShape {
  readonly kind: 'object'
  readonly must: string
  readonly members: Readonly<Record<string, Shape>>
  readonly required: readonly string[]
}

export interface UnionShape {
  readonly kind: 'union'
  readonly must: string
  readonly branches: readonly Shape[]
}

/** A value that a file of its own checks. */
export const anything = valueOf({ must: 'be given', matches: () => true })
export const flag = valueOf({ must: 'be true or false', matches: (value) => typeof value === 'boolean' })
export const fn = valueOf({ must: 'be a function', matches: (value) => typeof value === 'function' })
export const text = textOf({ must: 'be a non-empty string', matches: (value) => value !== '' })
/** RFC 6749 §3.3: printable ASCII without space, quotation mark and backslash. */
export const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/

export function valueOf(shape: Omit<ValueShape, 'kind'>): ValueShape {
  return { kind: 'value', ...shape }
}

export function textOf({ must, matches }: { must: string; matches: (value: string) => boolean }): ValueShape {
  return valueOf({ must, matches: (value) => typeof value === 'string' && matches(value) })
}

export function whole(minimum: number, maximum = Number.MAX_SAFE_INTEGER): ValueShape {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `>= ${minimum}` : `between ${minimum} and ${maximum}`
  return valueOf({
    must: `be a whole number ${range}`,
    matches: (value) => Number.isInteger(value) && minimum <= Number(value) && Number(value) <= maximum
  })
}

export function oneOf(values: readonly unknown[]): ValueShape {
  return valueOf({ must: `be one of ${values.join(', ')}`, matches: (value) => values.includes(value) })
}

export function listOf(item: Shape, { must, minItems = 0 }: { must: string; minItems?: number }): ListShape {
  return { kind: 'list', item, must, minItems }
}

export function objectOf<M extends Readonly<Record<string, Shape>>>(
  members: M,
  { required = [] }: { required?: readonly (keyof M & string)[] } = {}
) {
  return { kind: 'object', must: 'be an object', members, required } as const satisfies ObjectShape
}

/** The last branch is the one that most errors lie in: they are reported where they lie. */
export function unionOf(branches: readonly Shape[], { must }: { must: string }): UnionShape {
  return { kind: 'union', branches, must }
}

export function falseOr(shape: Shape): UnionShape {
  return unionOf([oneOf([false]), shape], { must: 'be false or an object' })
}

function nonEmptyList(must: string): ListShape {
  return listOf(text, { must, minItems: 1 })
}

const textOrList = 'be a non-empty string or a list of them'
export const oneOrMoreTexts = unionOf([text, nonEmptyList(textOrList)], { must: textOrList })

const types = 'be a type, a list of types, or false'
/** The header parameter `typ` of the tokens that are accepted; `false` for any. */
export const tokenType = unionOf([oneOf([false]), text, nonEmptyList(types)], { must: types })
