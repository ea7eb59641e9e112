interface Refusal {
  readonly status: 400 | 401 | 403 | 500 | 503
  readonly message: string
  /** The `error` of the challenge (RFC 6750 §3.1, RFC 9470 §3). `null`: without it; absent: no challenge. */
  readonly challenge?:
    'invalid_request' | 'invalid_token' | 'insufficient_scope' | 'insufficient_user_authentication' | null
}

/**
 * Every refusal of this plugin. The public message is generic, so that an attacker learns nothing from it. The precise
 * reason is in {@link AuthError.detail}, for logs and events.
 */
export const refusals = {
  AUTH_NO_CREDENTIALS: { status: 401, challenge: null, message: 'Authentication is required' },
  AUTH_MALFORMED_CREDENTIALS: { status: 400, challenge: 'invalid_request', message: 'The credentials are malformed' },
  AUTH_INVALID_TOKEN: { status: 401, challenge: 'invalid_token', message: 'The access token is invalid' },
  AUTH_EXPIRED_TOKEN: { status: 401, challenge: 'invalid_token', message: 'The access token has expired' },
  AUTH_REVOKED_TOKEN: { status: 401, challenge: 'invalid_token', message: 'The access token has been revoked' },
  AUTH_STALE_AUTHENTICATION: {
    status: 401,
    challenge: 'insufficient_user_authentication',
    message: 'A more recent or a stronger authentication is required'
  },
  AUTH_INSUFFICIENT_SCOPE: {
    status: 403,
    challenge: 'insufficient_scope',
    message: 'The access token lacks a scope that is needed here'
  },
  AUTH_INSUFFICIENT_ROLE: {
    status: 403,
    challenge: 'insufficient_scope',
    message: 'A role that is needed here is missing'
  },
  AUTH_CROSS_SITE: { status: 403, message: 'The request came from another site' },
  AUTH_REFRESH_INVALID: { status: 401, challenge: 'invalid_token', message: 'The refresh token is invalid' },
  AUTH_REFRESH_REUSED: {
    status: 401,
    challenge: 'invalid_token',
    message: 'The refresh token was used before: the session has been ended'
  },
  AUTH_REFRESH_SUPERSEDED: {
    status: 401,
    challenge: 'invalid_token',
    message: 'The refresh token was replaced: read your stored token again and do not resend this one'
  },
  AUTH_STORE_UNAVAILABLE: { status: 503, message: 'Sessions are unavailable at the moment' },
  AUTH_KEYS_UNAVAILABLE: { status: 503, message: 'Keys are unavailable at the moment' },
  AUTH_TOKEN_TOO_LARGE: { status: 500, message: 'The access token is too large' }
} as const satisfies Record<string, Refusal>

/** The `code` of a refusal. Codes are stable: programs may compare them. */
export type RefusalCode = keyof typeof refusals

/** Seconds in the `Retry-After` of every 503. */
const retryAfterSeconds = '2'

/**
 * A refusal. Fastify sends it as `{ statusCode, code, error, message }`. No member holds a token, a secret or a hash.
 * ```ts
 * app.setErrorHandler((error, _request, reply) => {
 *   if (error instanceof AuthError) reply.code(error.statusCode).headers(error.headers).send({ problem: error.code })
 *   else reply.send(error)
 * })
 * ```
 */
export class AuthError extends Error {
  /** Stable, for programs. */
  readonly code: RefusalCode
  /** The HTTP status: 400, 401, 403, 500 or 503. */
  readonly statusCode: number
  /**
   * Headers that the response must have: the challenge (RFC 6750 §3) and `Retry-After`. The plugin adds them; an
   * application that catches the error and sends a response of its own must add them itself.
   */
  readonly headers: Record<string, string> = {}
  /** The precise reason, for logs. Not enumerable, so that no serializer sends it to a client. */
  declare readonly detail: string

  constructor(code: RefusalCode, detail: string = refusals[code].message, options?: ErrorOptions) {
    super(refusals[code].message, options)
    this.name = 'AuthError'
    this.code = code
    this.statusCode = refusals[code].status
    if (this.statusCode === 503) this.headers['retry-after'] = retryAfterSeconds
    Object.defineProperty(this, 'detail', { value: detail })
  }

  /** The same as `statusCode`. NestJS, Koa and others recognize an error of `http-errors` by `status` and `expose`. */
  get status(): number {
    return this.statusCode
  }

  /** Whether clients may see `message`: below 500, as in `http-errors`. */
  get expose(): boolean {
    return this.statusCode < 500
  }
}

/**
 * Creates a refusal without a stack: a refusal is a response, not a fault, and a stack costs more than the token check.
 */
export function refusal(code: RefusalCode, detail?: string, options?: ErrorOptions): AuthError {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new AuthError(code, detail, options)
  } finally {
    Error.stackTraceLimit = limit
  }
}
