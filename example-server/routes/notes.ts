import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { Services } from '../services.ts'
import { AppError } from '../errors.ts'
import { badBody, badId, ById, Done, NewNote, Note, Problem, strictBody, unavailable } from './schemas.ts'

export const notesRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'database'>> = async function notesPlugin(
  app,
  { database: { notes } }
) {
  app.get(
    '/notes',
    {
      config: { auth: { scopes: ['notes:read'] } },
      schema: {
        summary: "The caller's notes",
        tags: ['notes'],
        response: { 200: Type.Array(Note, { description: 'Oldest first' }), ...unavailable }
      }
    },
    async (request) => await notes.list(request.user.sub)
  )

  app.post(
    '/notes',
    {
      config: { auth: { scopes: ['notes:write'] } },
      validatorCompiler: strictBody,
      schema: {
        summary: 'Save a note',
        tags: ['notes'],
        body: NewNote,
        response: { 201: Note, 409: Problem('The user has too many notes'), ...unavailable, ...badBody }
      }
    },
    async (request, reply) => {
      const note = await notes.add(request.user.sub, request.body.text)
      if (note === null) throw new AppError('NOTES_FULL')
      return await reply.code(201).send(note)
    }
  )

  app.delete(
    '/notes/:id',
    {
      config: { auth: { scopes: ['notes:write'] } },
      schema: {
        summary: 'Delete a note',
        tags: ['notes'],
        params: ById,
        response: { 204: Done('Deleted'), 404: Problem('The caller has no such note'), ...badId, ...unavailable }
      }
    },
    async (request, reply) => {
      if (!(await notes.remove(request.user.sub, request.params.id))) throw new AppError('NOT_FOUND')
      return await reply.code(204).send()
    }
  )
}
