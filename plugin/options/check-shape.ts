import { optionError } from './option-error.ts'
import type { ObjectShape, Shape } from './shape.ts'
import { builtinName, kindOf, show } from './show.ts'

/** The first place where a value does not match. */
interface Mismatch {
  readonly path: readonly string[]
  readonly problem: string
}

interface Place {
  readonly value: unknown
  readonly path: readonly string[]
}

/** @throws TypeError that names the first option that does not match */
export function checkShape(shape: Shape, options: unknown): void {
  const mismatch = findMismatch(shape, { value: options, path: [] })
  if (mismatch !== null) throw optionError(mismatch.path.join('.') || 'options', mismatch.problem)
}

function findMismatch(shape: Shape, place: Place): Mismatch | null {
  const { value, path } = place
  const wrong = { path, problem: `must ${shape.must}: received ${showAt(place)}` }
  switch (shape.kind) {
    case 'value':
      return shape.matches(value) ? null : wrong
    case 'list': {
      if (!Array.isArray(value) || value.length < shape.minItems) return wrong
      return first(value.keys(), (index) =>
        findMismatch(shape.item, { value: value[index], path: [...path, String(index)] })
      )
    }
    case 'object':
      return isObject(value) ? findMemberMismatch(shape, { value, path }) : wrong
    case 'union': {
      const mismatches = shape.branches.map((branch) => findMismatch(branch, place))
      if (mismatches.includes(null)) return null
      // The message of a union is vague. If its last branch does not match at a deeper place, that branch was meant.
      const last = mismatches.at(-1)!
      return last !== null && last.path.length > path.length ? last : wrong
    }
  }
}

function findMemberMismatch(
  { members, required }: ObjectShape,
  { value, path }: { value: Record<string, unknown>; path: readonly string[] }
): Mismatch | null {
  const names = Object.getOwnPropertyNames(value)
  const missing = required.find((name) => !names.includes(name))
  if (missing !== undefined) return { path: [...path, missing], problem: 'is missing' }
  const unknown = names.find((name) => !Object.hasOwn(members, name))
  if (unknown !== undefined) return { path: [...path, unknown], problem: 'is not an option' }
  return first(Object.entries(members), ([name, member]) => {
    const isAbsent = value[name] === undefined && !required.includes(name)
    return isAbsent ? null : findMismatch(member, { value: value[name], path: [...path, name] })
  })
}

/** The first mismatch that one of the items has. */
function first<T>(items: Iterable<T>, find: (item: T) => Mismatch | null): Mismatch | null {
  for (const item of items) {
    const mismatch = find(item)
    if (mismatch !== null) return mismatch
  }
  return null
}

/** Anything under `keys` may be a misplaced key. Only a short word for `alg` or `state` is safe to show. */
function showAt({ value, path }: Place): string {
  const name = path.join('.')
  const isWord = /^keys\.\d+\.(alg|state)$/.test(name) && typeof value === 'string' && /^\w{0,16}$/.test(value)
  return path[0] === 'keys' && !isWord ? kindOf(value) : show(value)
}

/** Not a `Map` or a `Set`: what they hold would be ignored. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && builtinName(value) === null
}
