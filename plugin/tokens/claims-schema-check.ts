import { TypeGuard, type TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { optionError } from '../options/option-error.ts'
import { findUnsatisfiable } from './unsatisfiable-schema.ts'

export interface ClaimsSchema {
  /** The option `accessToken.claims`. */
  readonly schema: TSchema
  readonly issuer: string
  readonly audience: readonly string[]
}

/**
 * Refuses a schema that rejects a claim of every session's token, or that nothing can match: otherwise each sign-in
 * would fail. Tries the schema on a sample, because it can close an object in many ways. What depends on values of the
 * application, such as a pattern for `sub` or its own claims, is not checked.
 * @throws TypeError that names the claim
 */
export function checkClaimsSchema({ schema, issuer, audience }: ClaimsSchema): void {
  if (!TypeGuard.IsSchema(schema)) {
    throw optionError('accessToken.claims', 'must be a schema of @sinclair/typebox 0.34')
  }
  const unsatisfiable = findUnsatisfiable(schema)
  if (unsatisfiable !== null) {
    const what = unsatisfiable.length === 0 ? 'it' : `"${unsatisfiable.join('.')}"`
    throw optionError('accessToken.claims', `must match the claims of some token: no JSON value matches ${what}`)
  }
  const always = {
    iss: issuer,
    aud: audience.length === 1 ? audience[0] : audience,
    sub: 'subject',
    exp: 1_900_000_600,
    iat: 1_900_000_000,
    jti: 'dBjftJeZ4CVP-mB92K27uh',
    sid: 'dBjftJeZ4CVP-mB92K27uh',
    auth_time: 1_900_000_000
  }
  const { nbf: _nbf, ...own } = ownClaims(schema)
  const required = Object.fromEntries(Object.entries(sometimes).filter(([name]) => name in own))
  const misfit =
    firstMisfit(schema, { sample: { ...own, ...always }, isMisfit: isAlwaysMisfit }) ??
    firstMisfit(schema, { sample: { ...own, ...always, ...required }, isMisfit: isSometimesMisfit })
  if (misfit === undefined) return
  const claim = claimOf(misfit)
  const reported = `the schema reports "${misfit.message}"`
  if (claim === '') throw optionError('accessToken.claims', `must accept an object of claims: ${reported}`)
  if (claim === 'nbf') {
    throw optionError('accessToken.claims', 'must not require "nbf": no token of ours has it')
  }
  throw optionError(
    'accessToken.claims',
    claim in always
      ? `must accept the claim "${claim}" as every session's token has it: ${reported}. ` +
          'Declare it, or allow additional properties'
      : `must accept the claim "${claim}" as a session's token may have it: ${reported}`
  )
}

/** Claims that the plugin sets, but not in every token: a schema that does not require them may refuse them. */
const sometimes = { scope: 'read', acr: 'acr', amr: ['pwd'] }

type IsMisfit = (error: ValueError) => boolean

function firstMisfit(
  schema: TSchema,
  { sample, isMisfit }: { sample: Record<string, unknown>; isMisfit: IsMisfit }
): ValueError | undefined {
  try {
    return [...misfits(Value.Errors(schema, sample), isMisfit)][0]
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

function* misfits(errors: Iterable<ValueError>, isMisfit: IsMisfit): Generator<ValueError> {
  for (const error of errors) {
    const branches = error.errors.map((branch) => [...misfits(branch, isMisfit)])
    // A union accepts a claim that one of its branches accepts.
    if (branches.length > 0 && branches.every(([first]) => first !== undefined)) yield branches[0]![0]!
    if (branches.length === 0 && isMisfit(error)) yield error
  }
}

/** These do not depend on the value. */
const ofAnyValue = new Set<ValueErrorType>([
  ValueErrorType.Array,
  ValueErrorType.Boolean,
  ValueErrorType.Integer,
  ValueErrorType.Null,
  ValueErrorType.Number,
  ValueErrorType.Object,
  ValueErrorType.String,
  ValueErrorType.Tuple
])

/** The claim is not accepted, whatever it contains. */
const ofAnyPresence = new Set<ValueErrorType>([
  ...ofAnyValue,
  ValueErrorType.ObjectAdditionalProperties,
  ValueErrorType.IntersectUnevaluatedProperties,
  ValueErrorType.Never
])

/** These may depend on what the application registers later. */
const ofRegistry = new Set<ValueErrorType>([ValueErrorType.Kind, ValueErrorType.StringFormatUnknown])

const standardClaims = new Set(['sub', 'exp', 'iat', 'auth_time'])
/** Their values are known at the start. */
const knownValues = new Set(['iss', 'aud'])
/** Their values are random: all have the same length and alphabet. */
const randomValues = new Set(['jti', 'sid'])

function isAlwaysMisfit(error: ValueError): boolean {
  const claim = claimOf(error)
  if (claim === '') return ofAnyValue.has(error.type) || error.type === ValueErrorType.Literal
  if (claim === 'nbf') return error.type === ValueErrorType.ObjectRequiredProperty
  return (
    knownValues.has(claim) ||
    (randomValues.has(claim) && !ofRegistry.has(error.type)) ||
    (standardClaims.has(claim) && ofAnyPresence.has(error.type))
  )
}

/** A schema that requires another type of them admits nobody. */
function isSometimesMisfit(error: ValueError): boolean {
  return claimOf(error) in sometimes && ofAnyValue.has(error.type)
}

function claimOf({ path }: ValueError): string {
  return path.split('/')[1] ?? ''
}
