import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { LogController, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'

/** A token never matches: it has dots, or is longer. */
const requestId = /^[\w-]{1,64}$/

/** The id that a proxy gave the request in `X-Request-Id`, or else a random one. */
export function readRequestId({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && requestId.test(given) ? given : randomUUID()
}

/** What `onError` has seen, until the line is written. */
const errors = new WeakMap<FastifyRequest, Error & { readonly code?: string }>()

/** The arguments that Fastify passes. */
type Completed = [failure: Error | null | undefined, request: FastifyRequest, reply: FastifyReply]

/** Logs one line for each request, after its response, instead of two, and of three for a refusal. */
export class RequestLog extends LogController {
  override incomingRequest(): void {}
  override defaultErrorLog(): void {}

  /** `failure` is why the response could not be sent. */
  override requestCompleted(...[failure, request, reply]: Completed): void {
    const error = failure ?? errors.get(request)
    const isServerError = reply.statusCode >= 500
    const hasFailed = error !== undefined && (error === failure || (isServerError && !isRefusal(error)))
    const line = {
      req: request,
      res: reply,
      responseTime: reply.elapsedTime,
      ...(request.auth && { sub: request.auth.user.sub, sessionId: request.auth.sessionId }),
      ...(error !== undefined && reasonOf(error)),
      // The stack of a refusal would say nothing.
      ...(hasFailed && { err: error })
    }
    request.log[hasFailed ? 'error' : isServerError ? 'warn' : 'info'](line, 'request completed')
  }
}

/** Such as `BUSY` or `STOPPING`: intended, although its status is 503. With a cause, something else has failed. */
function isRefusal(error: Error): boolean {
  return error instanceof AppError && error.cause === undefined
}

/** An `AuthError` has the precise reason in `detail`. */
function reasonOf(error: Error & { readonly code?: string; readonly detail?: string }) {
  const { code, detail } = error
  return { code, ...(detail !== undefined && { detail }) }
}

/** Adds the request's id to the response, so that a user can name it, and its error to its line. */
export function addRequestLog(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  app.addHook('onError', async (request, _reply, error) => {
    errors.set(request, error)
  })
}
