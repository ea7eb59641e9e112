/** What this server refuses by itself; what the plugin refuses begins with `AUTH_`. */
const refusals = {
  PASSWORD_COMMON: { status: 400, message: 'The password is one of the first that anybody would try' },
  LOGIN_FAILED: { status: 401, message: 'The username or the password is wrong' },
  PASSWORD_WRONG: { status: 403, message: 'The current password is wrong' },
  HTTPS_REQUIRED: { status: 403, message: 'Passwords and tokens are taken over https only' },
  REGISTRATION_CLOSED: { status: 403, message: 'Registration is closed' },
  NOT_FOUND: { status: 404, message: 'There is nothing here' },
  USERNAME_TAKEN: { status: 409, message: 'The username is taken' },
  NOTES_FULL: { status: 409, message: 'There is no room for more notes: delete some' },
  UPGRADE_REQUIRED: { status: 426, message: 'This address is for WebSockets' },
  TOO_MANY_ATTEMPTS: { status: 429, message: 'Too many attempts: try again later' },
  BUSY: { status: 503, message: 'Too many people are signing in: try again in a moment' },
  OVERLOADED: { status: 503, message: 'The server is overloaded: try again in a moment' },
  DATABASE_UNAVAILABLE: { status: 503, message: 'The database does not answer at the moment' },
  NOT_READY: { status: 503, message: 'The database does not answer' }
} as const

export type RefusalCode = keyof typeof refusals

/** Answered by Fastify as `{ statusCode, code, error, message }`, with these headers; the `cause` is for the log. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: RefusalCode, headers: Record<string, string> = {}, options?: ErrorOptions) {
    super(refusals[code].message, options)
    this.name = 'Refusal'
    this.code = code
    this.statusCode = refusals[code].status
    this.headers = this.statusCode === 503 ? { 'retry-after': '2', ...headers } : headers
  }
}
