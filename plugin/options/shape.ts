import { Type, type TSchema } from '@sinclair/typebox'
import { Errors, ValueErrorType, type ValueError } from '@sinclair/typebox/errors'
import { optionError } from './option-error.ts'

/** `must` completes the message about a wrong value: `"accessToken.lifetimeSeconds" must be a whole number >= 1`. */
export const text = Type.String({ minLength: 1, must: 'be a non-empty string' })
export const flag = Type.Boolean({ must: 'be true or false' })
export const fn = Type.Function([], Type.Any(), { must: 'be a function' })
/** RFC 6749 §3.3: printable ASCII without space, quotation mark and backslash. */
export const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/
export const object = { additionalProperties: false, must: 'be an object' }

export function whole(minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `>= ${minimum}` : `between ${minimum} and ${maximum}`
  return Type.Integer({ minimum, maximum, must: `be a whole number ${range}` })
}

export function oneOf<const T extends readonly string[]>(values: T) {
  return Type.Union(
    values.map((value) => Type.Literal(value as T[number])),
    { must: `be one of ${values.join(', ')}` }
  )
}

export function falseOr<T extends TSchema>(schema: T) {
  return Type.Union([Type.Literal(false), schema], { must: 'be false or an object' })
}

const textOrList = 'be a non-empty string or a list of them'
export const oneOrMoreTexts = Type.Union([text, Type.Array(text, { minItems: 1, must: textOrList })], {
  must: textOrList
})

const types = 'be a type, a list of types, or false'
/** The header parameter `typ` of the tokens that are accepted; `false` for any. */
export const tokenType = Type.Union([Type.Literal(false), text, Type.Array(text, { minItems: 1, must: types })], {
  must: types
})

/** @throws TypeError that names the first option that does not match */
export function checkShape(shape: TSchema, options: unknown): void {
  let error = Errors(shape, options).First()
  // A union's own message is vague. If the error of its last branch lies deeper, that branch was meant.
  const deeper = error?.type === ValueErrorType.Union ? error.errors.at(-1)?.First() : undefined
  if (error && deeper && deeper.path.length > error.path.length) error = deeper
  if (error) throw optionError(error.path.slice(1).replaceAll('/', '.') || 'options', problemOf(error))
}

function problemOf(error: ValueError): string {
  if (error.type === ValueErrorType.ObjectAdditionalProperties) return 'is not an option'
  if (error.type === ValueErrorType.ObjectRequiredProperty) return 'is missing'
  const received = mayBeKeyMaterial(error) ? kindOf(error.value) : show(error.value)
  return `must ${error.schema.must ?? error.message}: received ${received}`
}

/** Anything under `keys` may be a misplaced key. Only a short word for `alg` or `state` is safe to show. */
function mayBeKeyMaterial({ path, value }: ValueError): boolean {
  const isWord = /^\/keys\/\d+\/(alg|state)$/.test(path) && /^\w{0,16}$/.test(String(value))
  return /^\/keys(?!\w)/.test(path) && !isWord
}

/** A received value as a message shows it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
