import { undefinedMember } from '../arguments.ts'

/**
 * Reads an audience that a call names: what the token of a single purpose is for.
 * @throws TypeError when it is present but not one non-empty string, or a list of them
 */
export function readAudience(given: unknown): readonly string[] {
  if (given === undefined) throw new TypeError(undefinedMember('audience'))
  const audience: readonly unknown[] = Array.isArray(given) ? [...given] : [given]
  const isText = (entry: unknown): entry is string => typeof entry === 'string' && entry !== ''
  if (audience.length === 0 || !audience.every(isText)) {
    throw new TypeError('"audience" must be a non-empty string or a list of them')
  }
  return [...new Set(audience)]
}
