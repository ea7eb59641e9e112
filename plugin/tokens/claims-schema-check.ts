import type { TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { optionError } from '../options/option-error.ts'

export interface ClaimsSchema {
  /** The option `accessToken.claims`. */
  readonly schema: TSchema
  readonly issuer: string
  readonly audience: readonly string[]
}

/**
 * Refuses a schema that rejects a claim of every session's token: otherwise each sign-in would fail. Tries the schema
 * instead of reading it, because it can close an object in many ways. What depends on values of the application, such
 * as a pattern for `sub` or its own claims, is not checked.
 * @throws TypeError that names the claim
 */
export function checkClaimsSchema({ schema, issuer, audience }: ClaimsSchema): void {
  const standard = {
    iss: issuer,
    aud: audience.length === 1 ? audience[0] : audience,
    sub: 'subject',
    exp: 1_900_000_600,
    iat: 1_900_000_000,
    jti: 'AAAAAAAAAAAAAAAAAAAAAA',
    sid: 'AAAAAAAAAAAAAAAAAAAAAA',
    auth_time: 1_900_000_000
  }
  const { nbf: _nbf, ...own } = ownClaims(schema)
  const misfit = firstMisfit(schema, { sample: { ...own, ...standard }, names: Object.keys(standard) })
  if (misfit === undefined) return
  if (claimOf(misfit) === 'nbf') {
    throw optionError('accessToken.claims', 'must not require "nbf": no token of ours has it')
  }
  throw optionError(
    'accessToken.claims',
    `must accept the claim "${claimOf(misfit)}" as every session's token has it: the schema reports ` +
      `"${misfit.message}". Declare it, or allow additional properties`
  )
}

function firstMisfit(
  schema: TSchema,
  { sample, names }: { sample: Record<string, unknown>; names: readonly string[] }
): ValueError | undefined {
  try {
    return [...misfits(Value.Errors(schema, sample), names)][0]
  } catch {
    // A kind of the application's own that cannot read the sample. An unknown kind fails when the schema is compiled.
    return undefined
  }
}

/** Claims of the application that match. An intersection is only closed once its members match. */
function ownClaims(schema: TSchema): Record<string, unknown> {
  try {
    return Object(Value.Create(schema))
  } catch {
    // A format, a pattern or a kind of the application's own, for which there is no sample.
    return {}
  }
}

function* misfits(errors: Iterable<ValueError>, claims: readonly string[]): Generator<ValueError> {
  for (const error of errors) {
    const branches = error.errors.map((branch) => [...misfits(branch, claims)])
    // A union accepts a claim that one of its branches accepts.
    if (branches.length > 0 && branches.every(([first]) => first !== undefined)) yield branches[0]![0]!
    if (branches.length === 0 && isMisfit(error, claims)) yield error
  }
}

/** These do not depend on the value. Only the values of `iss` and `aud` are known at the start. */
const ofAnyValue = new Set<ValueErrorType>([
  ValueErrorType.ObjectAdditionalProperties,
  ValueErrorType.IntersectUnevaluatedProperties,
  ValueErrorType.Never,
  ValueErrorType.Array,
  ValueErrorType.Boolean,
  ValueErrorType.Integer,
  ValueErrorType.Null,
  ValueErrorType.Number,
  ValueErrorType.Object,
  ValueErrorType.String,
  ValueErrorType.Tuple
])

function isMisfit(error: ValueError, claims: readonly string[]): boolean {
  const claim = claimOf(error)
  if (claim === 'nbf') return error.type === ValueErrorType.ObjectRequiredProperty
  return claims.includes(claim) && (claim === 'iss' || claim === 'aud' || ofAnyValue.has(error.type))
}

function claimOf({ path }: ValueError): string {
  return path.split('/')[1] ?? ''
}
