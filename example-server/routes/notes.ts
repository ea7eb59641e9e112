import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { createListPage, linkHeader, listQuery } from './list-page.ts'
import { snakeCased } from './snake-case.ts'
import type { Services } from '../services.ts'
import { AppError } from '../errors.ts'
import { badBody, badId, badPage, Problem, unavailable, notFound } from './problems.ts'
import { ById, Done, NewNote, Note, strictBody } from './schemas.ts'

/** Larger ones are not exact, and no integer of PostgreSQL. */
const NoteNumber = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

export const notesRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'database'>> = async function notesPlugin(
  app,
  { database: { notes } }
) {
  const pages = createListPage('notes', NoteNumber)

  app.get(
    '/notes',
    {
      config: { auth: { scopes: ['notes:read'] } },
      schema: {
        operationId: 'listNotes',
        summary: "The caller's notes",
        tags: ['notes'],
        querystring: Type.Object(listQuery),
        response: {
          200: { ...Type.Array(Note, { description: 'Newest first' }), headers: linkHeader },
          ...badPage,
          ...unavailable
        }
      }
    },
    async (request, reply) => {
      const { cursor, limit } = request.query
      const rows = await notes.list(request.user.sub, { before: pages.read(cursor), limit: limit + 1 })
      return pages.send(request, { reply, rows, keyOf: ({ number }) => number }).map(snakeCased)
    }
  )

  app.post(
    '/notes',
    {
      config: { auth: { scopes: ['notes:write'] } },
      validatorCompiler: strictBody,
      schema: {
        operationId: 'addNote',
        summary: 'Save a note',
        tags: ['notes'],
        body: NewNote,
        response: { 201: Note, 409: Problem('The user has too many notes', ['NOTES_FULL']), ...unavailable, ...badBody }
      }
    },
    async (request, reply) => {
      const note = await notes.add(request.user.sub, request.body.text)
      if (note === null) throw new AppError('NOTES_FULL')
      return await reply.code(201).send(snakeCased(note))
    }
  )

  app.delete(
    '/notes/:id',
    {
      config: { auth: { scopes: ['notes:write'] } },
      schema: {
        operationId: 'deleteNote',
        summary: 'Delete a note',
        tags: ['notes'],
        params: ById,
        response: { 204: Done('Deleted'), ...notFound('The caller has no such note'), ...badId, ...unavailable }
      }
    },
    async (request, reply) => {
      if (!(await notes.remove(request.user.sub, request.params.id))) throw new AppError('NOT_FOUND')
      return await reply.code(204).send()
    }
  )
}
