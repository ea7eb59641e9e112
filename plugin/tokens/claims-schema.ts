import type { TSchema } from '@sinclair/typebox'
import type { ClaimsSchema } from './claims-schema-check.ts'

export type MatchesSchema = (claims: Readonly<Record<string, unknown>>) => boolean

/**
 * The check of the option `accessToken.claims`, compiled. Without the option, no part of it is loaded.
 * @throws TypeError that names a claim which the schema rejects in every token
 */
export async function compileClaims(
  schema: TSchema | undefined,
  issued: Omit<ClaimsSchema, 'schema'>
): Promise<MatchesSchema> {
  if (schema === undefined) return () => true
  const { checkClaimsSchema } = await import('./claims-schema-check.ts')
  checkClaimsSchema({ ...issued, schema })
  const { TypeCompiler } = await import('@sinclair/typebox/compiler')
  const validator = TypeCompiler.Compile(schema)
  return (claims) => validator.Check(claims)
}
