/**
 * A JSON Web Key (RFC 7517 §4, RFC 7518 §6), as `JSON.parse()`, `jose` and `KeyObject.export()` return it. Declared
 * here because the type of `node:crypto` has moved between versions of `@types/node`.
 */
export interface JsonWebKey {
  readonly kty?: string | undefined
  readonly kid?: string | undefined
  readonly alg?: string | undefined
  readonly use?: string | undefined
  readonly key_ops?: readonly string[] | undefined
  readonly ext?: boolean | undefined
  readonly crv?: string | undefined
  readonly x?: string | undefined
  readonly y?: string | undefined
  readonly n?: string | undefined
  readonly e?: string | undefined
  readonly d?: string | undefined
  readonly p?: string | undefined
  readonly q?: string | undefined
  readonly dp?: string | undefined
  readonly dq?: string | undefined
  readonly qi?: string | undefined
  readonly oth?: readonly object[] | undefined
  readonly k?: string | undefined
  readonly x5c?: readonly string[] | undefined
  readonly x5t?: string | undefined
  readonly 'x5t#S256'?: string | undefined
  readonly x5u?: string | undefined
}
