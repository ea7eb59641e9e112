import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { importRecipe } from '../printed-code.ts'
import { bearer } from './recipe-application.ts'

interface Recipe {
  createApp(): Promise<FastifyInstance>
  tokens: Map<string, { sub: string; expiresAt: number }>
  users: Map<string, { scopes: string[] }>
}

interface Made {
  id: string
  token: string
}

async function start(t: Test) {
  const recipe = await importRecipe<Recipe>(t, { page: 'docs/recipes/personal-access-tokens.md', file: 'file app.ts' })
  const app = await recipe.createApp()
  t.teardown(() => app.close())
  app.post('/login', async (request, reply) => {
    const { sub, scope = 'notes:read notes:write' } = request.query as { sub: string; scope?: string }
    return await reply.signIn({ sub, scope, transport: 'bearer' })
  })
  app.get('/admin', { config: { auth: { scopes: ['notes:read'], roles: ['admin'] } } }, async () => 'admin')
  app.post('/notes', { config: { auth: { scopes: ['notes:write'] } } }, async () => 'written')
  const signIn = async (sub: string): Promise<Record<string, string>> => {
    const body = (await app.inject({ method: 'POST', url: `/login?sub=${sub}` })).json()
    return bearer(body.access_token)
  }
  const make = async (headers: Record<string, string>, scopes = ['notes:read']) =>
    await app.inject({ method: 'POST', url: '/tokens', headers, payload: { name: 'ci', scopes } })
  const status = async (url: string, headers: Record<string, string>, method: 'GET' | 'POST' | 'DELETE' = 'GET') =>
    (await app.inject({ method, url, headers })).statusCode
  return { ...recipe, app, signIn, make, status }
}

t.test('a personal access token is shown once, kept as a hash, and passes with its scopes only', async (t) => {
  const { app, tokens, signIn, make, status } = await start(t)
  const alice = await signIn('alice')
  const response = await make(alice)
  t.equal(response.statusCode, 201)
  t.equal(response.headers['cache-control'], 'no-store')
  const { token, id } = response.json<Made>()
  t.match(token, /^example_pat_[\w-]{43}$/)
  t.notOk(JSON.stringify([...tokens]).includes(token))
  t.notOk((await app.inject({ url: '/tokens', headers: alice })).body.includes(token))

  const script = bearer(token)
  t.strictSame((await app.inject({ url: '/notes', headers: script })).json(), { of: 'alice' })
  t.equal(await status('/notes', { authorization: `bearer   ${token}` }), 200, 'the scheme in any case')
  t.equal(await status('/notes', script, 'POST'), 403, 'a scope that the token does not have')
  t.equal(await status('/admin', script), 403, 'a role')
  t.equal(await status('/me', script), 403, 'a route without a scope')
  t.equal(await status('/me', alice), 200)
  t.equal(await status(`/tokens/${id}`, script, 'DELETE'), 401, 'a stolen token cannot delete one')
  t.equal((await make(script)).statusCode, 401, 'and cannot make one')
})

t.test('a personal access token is refused from the request after its end', async (t) => {
  const { tokens, users, signIn, make, status } = await start(t)
  const [alice, mallory] = [await signIn('alice'), await signIn('mallory')]
  const { token, id } = (await make(alice, ['notes:read', 'notes:write'])).json<Made>()
  const script = bearer(token)
  t.equal(await status('/notes', script, 'POST'), 200)

  users.set('alice', { scopes: ['notes:read'] })
  t.equal(await status('/notes', script, 'POST'), 403, 'the user lost a scope')
  users.set('alice', { scopes: [] })
  t.equal(await status('/notes', script), 403)
  users.delete('alice')
  t.equal(await status('/notes', script), 401, 'the user is gone')
  users.set('alice', { scopes: ['notes:read'] })
  t.equal(await status('/notes', script), 200)

  t.equal(await status(`/tokens/${id}`, mallory, 'DELETE'), 404, 'of another user')
  t.equal(await status(`/tokens/${id}`, alice, 'DELETE'), 204)
  t.equal(await status('/notes', script), 401)

  const next = (await make(alice)).json<Made>()
  for (const row of tokens.values()) row.expiresAt = Date.now()
  t.equal(await status('/notes', bearer(next.token)), 401, 'it has expired')
})

t.test('requests that make or guess personal access tokens get nothing', async (t) => {
  const { app, signIn, make, status } = await start(t)
  const alice = await signIn('alice')
  const { token } = (await make(alice)).json<Made>()
  t.equal((await make(alice, ['notes:read', 'admin'])).statusCode, 400, 'a scope that the user does not have')
  t.equal((await make(alice, [])).statusCode, 400)
  for (const guess of [
    `example_pat_${'A'.repeat(43)}`,
    token.slice(0, -1),
    `${token}A`,
    token.toUpperCase(),
    'example_pat_',
    '__proto__'
  ]) {
    t.equal(await status('/notes', bearer(guess)), 401, guess)
  }
  t.equal(await status('/notes', { authorization: `Bearer ${token}, Bearer x` }), 400)
  t.equal(await status('/notes', { authorization: token }), 401, 'without a scheme')
  t.equal(await status(`/notes?access_token=${token}`, {}), 401)
  t.equal(await status('/notes', { cookie: `__Host-access=${token}` }), 401)
  for (let made = 1; made < 20; made++) t.equal((await make(alice)).statusCode, 201)
  t.equal((await make(alice)).statusCode, 409, 'the twenty-first')
  const own = (await app.inject({ url: '/tokens', headers: await signIn('mallory') })).json()
  t.strictSame(own, [], 'nobody sees the tokens of another user')
})
