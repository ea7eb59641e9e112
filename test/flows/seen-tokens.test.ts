import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { KeyOption } from '../../plugin/index.ts'
import { createApp } from '../fixtures/app.ts'
import { createNamedKey, entry, signerOf } from '../fixtures/rotating-app.ts'
import { forge, now } from '../fixtures/tokens.ts'

const [old, next] = [createNamedKey('old'), createNamedKey('next')]

async function createServer() {
  let keys: KeyOption[] = [entry(old, 'active'), entry(next, 'next')]
  const server = await createApp({
    plugin: { keys: async () => keys },
    after(app: FastifyInstance) {
      const ok = async () => 'ok'
      app.get('/write', { config: { auth: { scopes: ['notes:write'] } } }, ok)
      app.get('/admin', { config: { auth: { roles: ['admin'] } } }, ok)
      app.get('/fresh', { config: { auth: { maxAgeSeconds: 60 } } }, ok)
      app.post('/change', { config: { auth: true } }, ok)
    }
  })
  const { app, clock } = server
  return {
    app,
    clock,
    async retireOldKey() {
      keys = [entry(next, 'active')]
      await app.keys.reload()
    },
    async codeAt(url: string, headers: Record<string, string>, method: 'GET' | 'POST' = 'GET'): Promise<string> {
      const response = await app.inject({ method, url, headers })
      return response.statusCode === 200 ? 'accepted' : (response.json() as { code: string }).code
    }
  }
}

type Server = Awaited<ReturnType<typeof createServer>>

const claims = { jti: 'token', scope: 'notes:read', roles: ['user'], auth_time: now }
const token = forge(signerOf(old), { claims })
const sources = {
  header: { authorization: `Bearer ${token}` },
  cookie: { cookie: `__Host-access=${token}` }
}

/** What has changed, or is different, since the token was accepted, and the refusal. */
const changes: Record<string, { act?: (server: Server) => unknown; at?: string; code: string }> = {
  nothing: { code: 'accepted' },
  'time: the token has expired': { act: ({ clock }) => clock.set((now + 600) * 1000), code: 'AUTH_EXPIRED_TOKEN' },
  'time: the clock was set back before its iat': {
    act: ({ clock }) => clock.advance(-6),
    code: 'AUTH_INVALID_TOKEN'
  },
  'it was revoked': { act: ({ app }) => app.accessTokens.revoke('token', now + 600), code: 'AUTH_REVOKED_TOKEN' },
  'its key was retired': { act: (server) => server.retireOldKey(), code: 'AUTH_INVALID_TOKEN' },
  'a route needs a scope': { at: '/write', code: 'AUTH_INSUFFICIENT_SCOPE' },
  'a route needs a role': { at: '/admin', code: 'AUTH_INSUFFICIENT_ROLE' },
  'a route needs a recent sign-in': {
    act: ({ clock }) => clock.advance(61),
    at: '/fresh',
    code: 'AUTH_STALE_AUTHENTICATION'
  }
}

for (const [source, headers] of Object.entries(sources)) {
  t.test(`a token in the ${source} that was accepted before is compared again on every request`, async (t) => {
    for (const [what, { act, at = '/me', code }] of Object.entries(changes)) {
      const server = await createServer()
      t.equal(await server.codeAt('/me', headers), 'accepted')
      t.equal(await server.codeAt('/me', headers), 'accepted')
      await act?.(server)
      t.equal(await server.codeAt(at, headers), code, what)
    }
  })
}

t.test('a cookie that was accepted before does not let another site act (CSRF)', async (t) => {
  const { codeAt } = await createServer()
  t.equal(await codeAt('/me', sources.cookie), 'accepted')
  t.equal(await codeAt('/change', sources.cookie, 'POST'), 'accepted')
  const evil = { ...sources.cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
  t.equal(await codeAt('/change', evil, 'POST'), 'AUTH_CROSS_SITE')
})

t.test('a token that was refused is verified again, and accepted when the reason is gone', async (t) => {
  const { clock, codeAt } = await createServer()
  const early = forge(signerOf(old), { claims: { ...claims, nbf: now + 60 } })
  const headers = { authorization: `Bearer ${early}` }
  for (let request = 0; request < 3; request++) t.equal(await codeAt('/me', headers), 'AUTH_INVALID_TOKEN')
  clock.advance(60)
  t.equal(await codeAt('/me', headers), 'accepted')
})
