import type { TSchema } from '@sinclair/typebox'

export type MatchesSchema = (claims: Readonly<Record<string, unknown>>) => boolean

/** The check of the option `accessToken.claims`, compiled. Without the option, the compiler is not loaded. */
export async function compileClaims(schema: TSchema | undefined): Promise<MatchesSchema> {
  if (schema === undefined) return () => true
  const { TypeCompiler } = await import('@sinclair/typebox/compiler')
  const validator = TypeCompiler.Compile(schema)
  return (claims) => validator.Check(claims)
}
