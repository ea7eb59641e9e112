import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { demoUserNames } from '../accounts/demo-users.ts'
import type { Services } from '../services.ts'

/** What the page must know of this server to show only what it offers. Public, like the page itself. */
export const pageSettingsRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'config' | 'accountMails' | 'ceremonies'>> =
  async function pageSettings(app, { config, accountMails, ceremonies }) {
    const { allowRegistration, production, retrySeconds } = config
    app.get('/page/settings.json', { schema: { hide: true } }, async () => ({
      allowRegistration,
      demoUsers: production ? [] : demoUserNames,
      lessonTokens: !production,
      retrySeconds,
      mails: accountMails !== null,
      passkeyDomain: ceremonies.domain()
    }))
  }
