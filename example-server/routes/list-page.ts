import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'

/** The query of a list that is read page by page. */
export const listQuery = {
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 100, description: 'Rows of a page' }),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'Where the page begins: from the header `Link`' })
  )
}

/** The header of a response that is not the last page (RFC 8288). */
export const linkHeader = {
  link: { type: 'string', description: '`<…>; rel="next"`: where the next page is. Not on the last page' }
}

interface Page<Row, Key> {
  readonly reply: FastifyReply
  /** One row more than the limit, if there are so many. */
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => Key
}

/**
 * A cursor is the key of a page's last row, so that rows that are added or removed meanwhile neither repeat a row nor
 * skip one. Clients must not look inside: what it contains may change.
 * @param list its name: the cursor of one list is not one of another
 * @param key of a row: rows are ordered by it, and no two have the same
 */
export function createListPage<Key extends TSchema>(list: string, key: Key) {
  const Content = Type.Tuple([Type.Literal(list), key])
  const write = (of: Static<Key>) => Buffer.from(JSON.stringify([list, of])).toString('base64url')

  return {
    /**
     * The key after which the page begins; `null` for the first page.
     * @throws AppError CURSOR_INVALID
     */
    read(cursor: string | undefined): Static<Key> | null {
      if (cursor === undefined) return null
      try {
        const content: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
        if (Value.Check(Content, content) && write(content[1]) === cursor) return content[1]
      } catch {
        // Not JSON.
      }
      throw new AppError('CURSOR_INVALID')
    },

    /** The rows of the page. Says in the header where the next one is. */
    send<Row>(request: FastifyRequest, { reply, rows, keyOf }: Page<Row, Static<Key>>): Row[] {
      const { limit } = request.query as { limit: number }
      const page = rows.slice(0, limit)
      if (rows.length > limit) {
        const cursor = write(keyOf(page.at(-1)!))
        const query = new URLSearchParams({ ...(request.query as Record<string, string>), cursor })
        reply.header('link', `<${request.routeOptions.url}?${query}>; rel="next"`)
      }
      return page
    }
  }
}
