// The error responses, which the API document describes.
import { Type } from '@sinclair/typebox'
import type { RefusalCode } from 'fastify-authenticate'
import type { AppErrorCode } from '../errors.ts'
import { named } from './schemas.ts'

type ProblemCode = AppErrorCode | RefusalCode | `FST_${string}`

/** The body of an error response, with the codes that it can have. Without codes: Node responds. */
export const Problem = (description: string, codes: readonly ProblemCode[]) =>
  Type.Object(
    {
      statusCode: Type.Integer(),
      ...(codes.length > 0 && { code: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: codes })) }),
      error: Type.String(),
      message: Type.String()
    },
    { description }
  )

const badHeader = ['AUTH_MALFORMED_CREDENTIALS'] as const
export const badBodyCodes = [
  'FST_ERR_VALIDATION',
  'FST_ERR_CTP_EMPTY_JSON_BODY',
  'FST_ERR_CTP_INVALID_JSON_BODY',
  'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
  ...badHeader
] as const

/** Responses of every route with a body. */
export const badBody = {
  400: named('BadBody', Problem('The body does not match the schema', badBodyCodes)),
  413: named('BodyTooLarge', Problem('The body is too large', ['FST_ERR_CTP_BODY_TOO_LARGE'])),
  415: named('NotJson', Problem('The body is not JSON', ['FST_ERR_CTP_INVALID_MEDIA_TYPE']))
}

/** The response of every route with an id in its path. */
export const badId = {
  400: named(
    'BadId',
    Problem('The id, or the Authorization header, is malformed', ['FST_ERR_VALIDATION', ...badHeader])
  )
}

/** The response of every protected route that reads nothing but its header. */
export const badCredentials = {
  400: named('BadCredentials', Problem('The Authorization header is malformed', badHeader))
}

/** Before Fastify reads a request, Node refuses headers of more than 16 KB. */
export const badHeaders = { 431: Problem('The headers are too large', []) }

/** The response of every list that is read page by page. */
export const badPage = {
  400: named(
    'BadPage',
    Problem('The query, or the Authorization header, is malformed', [
      'FST_ERR_VALIDATION',
      'CURSOR_INVALID',
      ...badHeader
    ])
  )
}

/** The response of every route with an id in its path, if the caller does not have it. */
export const notFound = (description: string) => ({ 404: named('NotFound', Problem(description, ['NOT_FOUND'])) })

const unavailableCodes = [
  'DATABASE_UNAVAILABLE',
  'OVERLOADED',
  'AUTH_STORE_UNAVAILABLE',
  'AUTH_KEYS_UNAVAILABLE'
] as const

/** The response of every route that needs the database. */
export const unavailable = {
  503: named('Unavailable', Problem('The database does not respond: see Retry-After', unavailableCodes))
}

/** Responses of every route that hashes a password. */
export const limited = {
  429: named('TooManyAttempts', Problem('Too many attempts: see Retry-After', ['TOO_MANY_ATTEMPTS'])),
  503: named(
    'BusyOrUnavailable',
    Problem('Too many people are signing in, or the database does not respond: see Retry-After', [
      'BUSY',
      ...unavailableCodes
    ])
  )
}

/** By cookie, or in production: the response of routes that receive a password or a token. */
export const unsafe = ['AUTH_CROSS_SITE', 'HTTPS_REQUIRED'] as const
