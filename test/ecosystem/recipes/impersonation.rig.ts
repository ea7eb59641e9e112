import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { importRecipe } from '../printed-code.ts'
import { bearer } from './recipe-application.ts'

interface Recipe {
  createApp(): Promise<FastifyInstance>
  impersonations: { reason: string; customer: string; actor: string }[]
  requests: object[]
  users: Map<string, { roles: string[] }>
}

async function start(t: Test) {
  const recipe = await importRecipe<Recipe>(t, { page: 'docs/recipes/impersonation.md', file: 'file app.ts' })
  const app = await recipe.createApp()
  t.teardown(() => app.close())
  app.post('/login', async (request, reply) => {
    const { sub, age = '0' } = request.query as { sub: string; age?: string }
    const authTime = Math.floor(Date.now() / 1000) - Number(age)
    const { roles } = recipe.users.get(sub)!
    return await reply.signIn({ sub, claims: { roles }, scope: 'notes:read', transport: 'bearer', authTime })
  })
  app.post('/logout', async (_request, reply) => {
    await reply.signOut()
    return await reply.code(204).send()
  })
  app.get('/public', async ({ auth }) => auth)
  const signIn = async (query: string) => {
    const body = (await app.inject({ method: 'POST', url: `/login?sub=${query}` })).json<{ access_token: string }>()
    return bearer(body.access_token)
  }
  const begin = async (headers: Record<string, string>, customer = 'alice', reason = 'ticket 4711: no notes') =>
    await app.inject({ method: 'POST', url: '/impersonations', headers, payload: { customer, reason } })
  const status = async (url: string, headers: Record<string, string>, method: 'GET' | 'POST' = 'GET') =>
    (await app.inject({ method, url, headers })).statusCode
  /** The header of an impersonation. */
  const tokenOf = (response: Awaited<ReturnType<typeof begin>>) =>
    bearer(response.json<{ access_token: string }>().access_token)
  return { ...recipe, app, signIn, begin, status, tokenOf }
}

t.test('an actor sees what the customer sees, and only where the route allows it', async (t) => {
  const { app, impersonations, requests, signIn, begin, status, tokenOf } = await start(t)
  const response = await begin(await signIn('bob'))
  t.equal(response.statusCode, 200)
  t.equal(response.headers['cache-control'], 'no-store')
  t.match(impersonations, [{ customer: 'alice', actor: 'bob', reason: 'ticket 4711: no notes' }])
  const actor = tokenOf(response)
  t.strictSame((await app.inject({ url: '/notes', headers: actor })).json(), { of: 'alice', actor: { sub: 'bob' } })
  t.strictSame(requests, [{ actor: 'bob', customer: 'alice', method: 'GET', url: '/notes' }])
  t.equal(await status('/letters', actor), 403, 'a route that does not allow it')
  t.equal(await status('/password', actor, 'POST'), 401, 'a route that requires a fresh sign-in')
  t.equal((await begin(actor)).statusCode, 401, 'an actor cannot act as another one')
  t.equal((await app.inject({ method: 'POST', url: '/refresh', headers: actor })).statusCode, 404)
  const customer = await signIn('alice')
  t.equal(await status('/letters', customer), 200)
  t.equal(await status('/password', customer, 'POST'), 200)
})

t.test('only staff who have just signed in begin an impersonation, and only of customers', async (t) => {
  const { impersonations, signIn, begin } = await start(t)
  t.equal((await begin({})).statusCode, 401)
  t.equal((await begin(await signIn('alice'), 'bob')).statusCode, 403, 'a customer')
  t.equal((await begin(await signIn('bob&age=301'))).statusCode, 401, 'the sign-in is too old')
  const bob = await signIn('bob')
  t.equal((await begin(bob, 'eve')).statusCode, 404, 'a colleague')
  t.equal((await begin(bob, 'bob')).statusCode, 404)
  t.equal((await begin(bob, '__proto__')).statusCode, 404)
  t.equal((await begin(bob, 'alice', '')).statusCode, 400, 'without a reason')
  t.strictSame(impersonations, [])
})

t.test('an impersonation ends by its route, and with the session of the staff member', async (t) => {
  const { signIn, begin, status, tokenOf } = await start(t)
  const bob = await signIn('bob')
  const [first, second] = [tokenOf(await begin(bob)), tokenOf(await begin(bob))]
  t.equal(await status('/logout', first, 'POST'), 204)
  t.equal(await status('/notes', first), 200, 'signOut() does not end it')
  t.equal(await status('/impersonations/end', first, 'POST'), 204)
  t.equal(await status('/notes', first), 401)
  t.equal(await status('/notes', second), 200)
  const other = await signIn('bob')
  t.equal(await status('/logout', other, 'POST'), 204)
  t.equal(await status('/notes', second), 200, 'another session of the staff member')
  t.equal(await status('/logout', bob, 'POST'), 204)
  t.equal(await status('/notes', second), 401)
  const alice = await signIn('alice')
  t.equal(await status('/impersonations/end', alice, 'POST'), 204, "a customer's own token stays")
  t.equal(await status('/notes', alice), 200)
})
