import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import type { User } from '../database/users.ts'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import type { Services } from '../services.ts'
import { fresh, stale } from './fresh.ts'
import { snakeCased } from './snake-case.ts'
import { Problem, unavailable, notFound } from './problems.ts'
import { Account, Done, Note, Passkey, Session, Time } from './schemas.ts'

const { current: _current, ...ofSession } = Session.properties

const Export = Type.Object(
  {
    exported_at: Time,
    account: Account,
    passkeys: Type.Array(Passkey),
    sessions: Type.Array(Type.Object(ofSession)),
    notes: Type.Array(Note),
    known_addresses: Type.Array(
      Type.Object({
        address: Type.String({ description: 'An IPv4 address, or an IPv6 network (/64)' }),
        seen_at: Time
      }),
      { description: 'From where the user has signed in within 30 days, the latest first' }
    )
  },
  {
    title: 'AccountExport',
    description: 'Everything that the server stores about the user, except the hash of the password'
  }
)
const gone = notFound('The user was deleted or disabled a moment ago')

/** What users see and do with their own account. */
export const accountRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'database' | 'accountMails'>> =
  async function account(app, { database: { users, notes, passkeys, knownAddresses }, accountMails }) {
    /** @throws AppError NOT_FOUND if the user is gone: the access token is still valid for a moment */
    async function userOf({ user: { sub } }: FastifyRequest): Promise<User> {
      const user = await users.byId(sub)
      if (user === null) throw new AppError('NOT_FOUND')
      return user
    }

    app.get(
      '/auth/account',
      {
        config: { auth: true },
        schema: {
          operationId: 'getAccount',
          summary: "The caller's account",
          tags: ['account'],
          response: { 200: Account, ...gone, ...unavailable }
        }
      },
      async (request) => toAccount(await userOf(request))
    )

    app.get(
      '/auth/account/export',
      {
        config: fresh,
        schema: {
          operationId: 'exportAccount',
          summary: "A copy of the caller's data",
          tags: ['account'],
          response: { 200: Export, ...stale, ...gone, ...unavailable }
        }
      },
      async (request, reply) => {
        const user = await userOf(request)
        const [sessions, ownNotes, ownPasskeys, addresses] = await Promise.all([
          app.sessions.list(user.id),
          notes.list(user.id),
          passkeys.list(user.id),
          knownAddresses.list(user.id)
        ])
        audit(request, { action: 'data-exported', sub: user.id })
        reply.header('content-disposition', 'attachment; filename="account.json"')
        return {
          exported_at: new Date(),
          account: toAccount(user),
          passkeys: ownPasskeys.map(snakeCased),
          sessions: sessions.map(snakeCased),
          notes: ownNotes.map(snakeCased),
          known_addresses: addresses.map(snakeCased)
        }
      }
    )

    app.delete(
      '/auth/account',
      {
        config: fresh,
        schema: {
          operationId: 'deleteAccount',
          summary: "Delete the caller's account",
          description: 'With the notes and passkeys. All sessions end. After a 503, repeat the request.',
          tags: ['account'],
          response: {
            204: Done('Deleted'),
            ...stale,
            403: Problem('By cookie: the request came from another site', ['AUTH_CROSS_SITE']),
            ...unavailable
          }
        }
      },
      async (request, reply) => {
        const { sub } = request.user
        const user = await users.byId(sub)
        // Before the sessions end: nobody can sign in or refresh in between, and this request can be repeated.
        await users.remove(sub)
        if (user !== null) accountMails?.notify(user, 'account-deleted')
        await app.sessions.revokeAll(sub)
        audit(request, { action: 'account-deleted', sub })
        // Clears the cookies.
        if (request.auth.source === 'cookie') await reply.signOut()
        return await reply.code(204).send()
      }
    )
  }

const toAccount = (user: User) => ({ ...snakeCased(user), username: user.name })
