import type { FastifyJWT } from '@fastify/jwt'
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import 'fastify-authenticate'

/** What an application sees: the reference lists what the plugin adds to these. */
export interface AddedToFastify {
  readonly app: FastifyInstance
  readonly request: FastifyRequest & Pick<FastifyJWT, 'user'>
  readonly reply: FastifyReply
  readonly config: FastifyContextConfig
}
