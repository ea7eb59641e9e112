import { Kind, type TSchema } from '@sinclair/typebox'

/** JSON has no such values. A schema of its own kind for text, such as `Type.RegExp()`, is not one of them. */
const notInJson = new Set([
  'AsyncIterator',
  'BigInt',
  'Date',
  'Function',
  'Iterator',
  'Never',
  'Promise',
  'Symbol',
  'Uint8Array',
  'Undefined',
  'Void'
])

/**
 * Finds a part of a schema that no JSON value matches, so that nothing matches the whole. What is not found may still
 * be unsatisfiable: patterns, formats and the application's own kinds are not read.
 * @returns the names of the properties that lead to it; `null` if there is none
 */
export function findUnsatisfiable(schema: TSchema, path: readonly string[] = []): readonly string[] | null {
  if (notInJson.has(schema[Kind]) || hasContradictoryBounds(schema)) return path
  switch (schema[Kind]) {
    case 'Not':
      return acceptsEverything(schema.not) ? path : null
    case 'Union': {
      const branches = (schema.anyOf as TSchema[]).map((branch) => findUnsatisfiable(branch, path))
      return branches.includes(null) ? null : (branches[0] ?? path)
    }
    case 'Intersect':
      return firstOf((schema.allOf as TSchema[]).map((member) => [member, path]))
    case 'Object':
      // A required property need not be described.
      return firstOf(
        ((schema.required ?? []) as string[])
          .filter((name) => Object.hasOwn(schema.properties, name))
          .map((name) => [schema.properties[name], [...path, name]])
      )
    case 'Array':
      return schema.minItems >= 1 ? findUnsatisfiable(schema.items, path) : null
    case 'Tuple':
      return firstOf(((schema.items ?? []) as TSchema[]).map((item) => [item, path]))
    default:
      return null
  }
}

function firstOf(parts: [TSchema, readonly string[]][]): readonly string[] | null {
  for (const [schema, path] of parts) {
    const found = findUnsatisfiable(schema, path)
    if (found !== null) return found
  }
  return null
}

function acceptsEverything(schema: TSchema): boolean {
  return schema[Kind] === 'Any' || schema[Kind] === 'Unknown'
}

/** An absent bound is `undefined`, and every comparison with it is false. */
function hasContradictoryBounds(schema: TSchema): boolean {
  switch (schema[Kind]) {
    case 'Array':
      return schema.minItems > schema.maxItems
    case 'Object':
      return schema.minProperties > schema.maxProperties
    case 'String':
      return schema.minLength > schema.maxLength
    case 'Number':
      return isEmptyRange(schema)
    case 'Integer':
      return isEmptyRange(schema) || hasNoWholeNumber(schema)
    default:
      return false
  }
}

function isEmptyRange({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: TSchema): boolean {
  return (
    minimum > maximum ||
    minimum >= exclusiveMaximum ||
    exclusiveMinimum >= maximum ||
    exclusiveMinimum >= exclusiveMaximum
  )
}

function hasNoWholeNumber({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: TSchema): boolean {
  const least = Math.max(Math.ceil(minimum ?? -Infinity), Math.floor(exclusiveMinimum ?? -Infinity) + 1)
  const most = Math.min(Math.floor(maximum ?? Infinity), Math.ceil(exclusiveMaximum ?? Infinity) - 1)
  return least > most
}
