import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { audit } from '../operations/audit.ts'
import type { Services } from '../services.ts'
import { fresh, stale } from './fresh.ts'
import { snakeCased } from './snake-case.ts'
import { CreationOptions, CredentialId, RegistrationResponse } from './passkey-schemas.ts'
import { badBody, badId, Problem, unavailable, notFound } from './problems.ts'
import { closed, Done, noNul, Passkey, strictBody } from './schemas.ts'

const Name = Type.String({ minLength: 1, maxLength: 64, pattern: noNul, description: 'Such as the name of the device' })
const NewPasskey = Type.Object({ name: Name, passkey: RegistrationResponse }, closed)
const Rename = Type.Object({ name: Name }, closed)
const ByCredentialId = Type.Object({ id: CredentialId })
const missing = notFound('The caller has no such passkey')

export const passkeysRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'database' | 'ceremonies' | 'accountMails'>> =
  async function passkeysPlugin(app, { database: { users, passkeys }, ceremonies, accountMails }) {
    /** @throws AppError NOT_FOUND if the user was deleted: the token is still valid for a moment */
    async function registrantOf({ auth }: FastifyRequest) {
      const user = await users.byId(auth!.user.sub)
      if (user === null || auth!.sessionId === null) throw new AppError('NOT_FOUND')
      return { user, sessionId: auth!.sessionId }
    }

    app.get(
      '/auth/passkeys',
      {
        config: { auth: true },
        schema: {
          operationId: 'listPasskeys',
          summary: "The caller's passkeys",
          tags: ['passkeys'],
          response: { 200: Type.Array(Passkey, { description: 'Oldest first' }), ...unavailable }
        }
      },
      async (request) => (await passkeys.list(request.user.sub)).map(snakeCased)
    )

    app.post(
      '/auth/passkeys/options',
      {
        config: fresh,
        schema: {
          operationId: 'beginPasskey',
          summary: 'Begin to add a passkey',
          description: 'The options are valid for three minutes, in this session.',
          tags: ['passkeys'],
          response: {
            200: CreationOptions,
            ...stale,
            403: Problem('The server has no domain, so it cannot have passkeys', ['PASSKEYS_OFF', 'AUTH_CROSS_SITE']),
            ...unavailable
          }
        }
      },
      async (request) => {
        const options = await ceremonies.registrationOptions(await registrantOf(request))
        if (options === null) throw new AppError('PASSKEYS_OFF')
        return options
      }
    )

    app.post(
      '/auth/passkeys',
      {
        config: fresh,
        validatorCompiler: strictBody,
        schema: {
          operationId: 'addPasskey',
          summary: 'Add a passkey',
          tags: ['passkeys'],
          body: NewPasskey,
          response: {
            201: { ...Passkey, description: 'The new passkey' },
            ...stale,
            403: Problem('The passkey does not match the options', ['PASSKEY_INVALID', 'AUTH_CROSS_SITE']),
            409: Problem('The passkey exists already, or the user has too many', ['PASSKEYS_FULL']),
            ...unavailable,
            ...badBody
          }
        }
      },
      async (request, reply) => {
        const { name, passkey: response } = request.body
        const registrant = await registrantOf(request)
        const verified = await ceremonies.verifyRegistration(response, registrant)
        if (verified === null) throw new AppError('PASSKEY_INVALID')
        const passkey = await passkeys.add({ ...verified, name })
        if (passkey === null) throw new AppError('PASSKEYS_FULL')
        audit(request, { action: 'passkey-added', sub: registrant.user.id })
        accountMails?.notify(registrant.user, 'passkey-added')
        return await reply.code(201).send(snakeCased(passkey))
      }
    )

    app.patch(
      '/auth/passkeys/:id',
      {
        config: { auth: true },
        validatorCompiler: strictBody,
        schema: {
          operationId: 'renamePasskey',
          summary: 'Rename a passkey',
          tags: ['passkeys'],
          params: ByCredentialId,
          body: Rename,
          response: { 204: Done('Renamed'), ...missing, ...unavailable, ...badBody }
        }
      },
      async (request, reply) => {
        const change = { id: request.params.id, name: request.body.name }
        if (!(await passkeys.rename(request.user.sub, change))) throw new AppError('NOT_FOUND')
        return await reply.code(204).send()
      }
    )

    app.delete(
      '/auth/passkeys/:id',
      {
        config: fresh,
        schema: {
          operationId: 'removePasskey',
          summary: 'Remove a passkey, and end all other sessions',
          description:
            'Ends every session but the one of this request, because any of them may have begun with the passkey.',
          tags: ['passkeys'],
          params: ByCredentialId,
          response: { 204: Done('Removed'), ...stale, ...missing, ...badId, ...unavailable }
        }
      },
      async (request, reply) => {
        const { sub } = request.user
        const { id } = request.params
        const endOthers = async () => await app.sessions.revokeAll(sub, { except: request.auth.sessionId })
        const isOwn = (await passkeys.find(id))?.userId === sub
        // Before the removal, which can be repeated if this fails, and after it, because somebody may have signed in
        // by the passkey in between.
        if (isOwn) await endOthers()
        if (!isOwn || !(await passkeys.remove(sub, id))) throw new AppError('NOT_FOUND')
        audit(request, { action: 'passkey-removed', sub })
        const user = await users.byId(sub)
        if (user !== null) accountMails?.notify(user, 'passkey-removed')
        await endOthers()
        return await reply.code(204).send()
      }
    )
  }
