/**
 * A JSON Web Key (RFC 7517 §4, RFC 7518 §6), as `JSON.parse()`, `jose` and `KeyObject.export()` return it. Declared
 * here because the type of `node:crypto` has moved between versions of `@types/node`.
 */
export interface JsonWebKey {
  /** The key type: `RSA`, `EC`, `OKP` or `oct` (RFC 7517 §4.1). Required. */
  readonly kty?: string | undefined
  /** The key id (RFC 7517 §4.5). */
  readonly kid?: string | undefined
  /** The algorithm that the key is for (RFC 7517 §4.4). */
  readonly alg?: string | undefined
  /** `sig` or `enc` (RFC 7517 §4.2). A key with `enc` is refused here. */
  readonly use?: string | undefined
  /** The operations that the key is for (RFC 7517 §4.3). */
  readonly key_ops?: readonly string[] | undefined
  /** Whether the key may be exported (Web Cryptography API). It has no effect here. */
  readonly ext?: boolean | undefined
  /** The curve of `EC` and `OKP` (RFC 7518 §6.2.1.1, RFC 8037 §2). */
  readonly crv?: string | undefined
  /** The x coordinate of `EC`, or the public key of `OKP`, in base64url (RFC 7518 §6.2.1.2, RFC 8037 §2). */
  readonly x?: string | undefined
  /** The y coordinate of `EC`, in base64url (RFC 7518 §6.2.1.3). */
  readonly y?: string | undefined
  /** The modulus of `RSA`, in base64url (RFC 7518 §6.3.1.1). */
  readonly n?: string | undefined
  /** The exponent of `RSA`, in base64url (RFC 7518 §6.3.1.2). */
  readonly e?: string | undefined
  /** The private key, in base64url (RFC 7518 §6.2.2.1, §6.3.2.1; RFC 8037 §2). Secret. */
  readonly d?: string | undefined
  /** The first prime factor of `RSA` (RFC 7518 §6.3.2.2). Secret. */
  readonly p?: string | undefined
  /** The second prime factor of `RSA` (RFC 7518 §6.3.2.3). Secret. */
  readonly q?: string | undefined
  /** The exponent of the first factor (RFC 7518 §6.3.2.4). Secret. */
  readonly dp?: string | undefined
  /** The exponent of the second factor (RFC 7518 §6.3.2.5). Secret. */
  readonly dq?: string | undefined
  /** The coefficient of the first factor (RFC 7518 §6.3.2.6). Secret. */
  readonly qi?: string | undefined
  /** Further primes (RFC 7518 §6.3.2.7). A key that has them is refused. */
  readonly oth?: readonly object[] | undefined
  /** The symmetric key of `oct`, in base64url (RFC 7518 §6.4.1). Secret. */
  readonly k?: string | undefined
  /** The certificate chain (RFC 7517 §4.7). It is not checked. */
  readonly x5c?: readonly string[] | undefined
  /** The SHA-1 thumbprint of the certificate (RFC 7517 §4.8). It is not checked. */
  readonly x5t?: string | undefined
  /** The SHA-256 thumbprint of the certificate (RFC 7517 §4.9). It is not checked. */
  readonly 'x5t#S256'?: string | undefined
  /** The URL of the certificate chain (RFC 7517 §4.6). It is never fetched. */
  readonly x5u?: string | undefined
}
