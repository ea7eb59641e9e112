import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { AuthError } from 'fastify-authenticate'
import { AppError } from '../errors.ts'

/** For `frameworkErrors`: URLs that cannot be routed. Fastify's default message repeats the URL and its query. */
export function sendUnroutable({ code, statusCode = 400 }: FastifyError, reply: FastifyReply): void {
  const headers = {
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'",
    'x-content-type-options': 'nosniff',
    'x-request-id': reply.request.id
  }
  reply
    .code(statusCode)
    .headers(headers)
    .send({ statusCode, code, error: STATUS_CODES[statusCode], message: 'The URL is malformed' })
}

export function addErrorHandlers(app: FastifyInstance): void {
  // The message of an unexpected error may reveal internals: it is logged (see `request-log.ts`), not sent.
  app.setErrorHandler(async function sendError(error: Error & { statusCode?: number }, _request, reply) {
    const expected = error instanceof AuthError || error instanceof AppError || (error.statusCode ?? 500) < 500
    if (expected) throw error
    return await reply
      .code(500)
      .send({ statusCode: 500, error: 'Internal Server Error', message: 'An unexpected error occurred' })
  })
  // Fastify's default handler repeats the URL, including its query, in the response and in the log.
  app.setNotFoundHandler(async function sendNotFound(_request, reply) {
    const { statusCode, code, message } = new AppError('NOT_FOUND')
    return await reply.code(statusCode).send({ statusCode, code, error: 'Not Found', message })
  })
}
