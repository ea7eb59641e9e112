/** The refusals of this server itself. The codes of the plugin begin with `AUTH_`. */
const appErrors = {
  PASSWORD_COMMON: { status: 400, message: 'This password is too common' },
  CURSOR_INVALID: { status: 400, message: 'This is not a cursor of this list' },
  LINK_INVALID: { status: 400, message: 'This link has expired, was used before, or is not for this account' },
  LOGIN_FAILED: { status: 401, message: 'The username or the password is wrong' },
  PASSKEY_LOGIN_FAILED: { status: 401, message: 'The passkey is not known here, or it took too long: try again' },
  PASSKEY_INVALID: { status: 403, message: 'The passkey is not one of this account, or it took too long: try again' },
  PASSWORD_WRONG: { status: 403, message: 'The current password is wrong' },
  HTTPS_REQUIRED: { status: 403, message: 'Passwords and tokens are accepted over https only' },
  REGISTRATION_CLOSED: { status: 403, message: 'Registration is closed' },
  MAIL_OFF: { status: 403, message: 'This server does not send mails' },
  PASSKEYS_OFF: { status: 403, message: 'This server has no domain, so it cannot have passkeys' },
  SESSION_TOKEN_REQUIRED: { status: 403, message: 'Send the access token of a session in the Authorization header' },
  NOT_FOUND: { status: 404, message: 'Not found' },
  USERNAME_TAKEN: { status: 409, message: 'The username is taken' },
  EMAIL_TAKEN: { status: 409, message: 'The e-mail address belongs to another account' },
  PASSKEYS_FULL: { status: 409, message: 'This passkey exists already, or you have too many: delete some first' },
  NOTES_FULL: { status: 409, message: 'You have too many notes: delete some first' },
  UPGRADE_REQUIRED: { status: 426, message: 'This address is for WebSockets' },
  TOO_MANY_ATTEMPTS: { status: 429, message: 'Too many attempts: try again later' },
  BUSY: { status: 503, message: 'The server has too much to do: try again in a moment' },
  OVERLOADED: { status: 503, message: 'The server is overloaded: try again in a moment' },
  DATABASE_UNAVAILABLE: { status: 503, message: 'The database is unavailable: try again in a moment' },
  STOPPING: { status: 503, message: 'The server is stopping' },
  NOT_READY: { status: 503, message: 'The database does not respond' }
} as const

export type AppErrorCode = keyof typeof appErrors

export interface AppErrorOptions {
  /** Headers of the response. */
  readonly headers?: Readonly<Record<string, string>>
  /** Logged, never sent. */
  readonly cause?: unknown
}

/** Fastify sends it as `{ statusCode, code, error, message }`, with these headers. */
export class AppError extends Error {
  readonly code: AppErrorCode
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>

  constructor(code: AppErrorCode, { headers = {}, cause }: AppErrorOptions = {}) {
    super(appErrors[code].message, { cause })
    this.name = 'AppError'
    this.code = code
    this.statusCode = appErrors[code].status
    this.headers = this.statusCode === 503 ? { 'retry-after': '2', ...headers } : headers
  }
}
