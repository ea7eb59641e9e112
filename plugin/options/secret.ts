import { anything } from './shape.ts'

/** The server's secret. It is read by `tokens/secret.ts` and never becomes part of the settings. */
export interface SecretOptions {
  /**
   * The server's secret, or a list of them to replace one without signing anybody out: the first signs, all verify.
   * Each is a string (its UTF-8 bytes count) or a `Buffer` of at least 32 bytes (RFC 7518 §3.2). Access tokens are
   * signed with it by HS256 unless `keys` has an active key. Refresh tokens always depend on it. Required: there is no
   * default.
   */
  readonly secret?: string | Buffer | readonly (string | Buffer)[] | undefined
}

export const secretShape = { secret: anything }
