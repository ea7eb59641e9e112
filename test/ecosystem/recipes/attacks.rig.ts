// What attackers and broken clients send to the applications that docs/recipes prints.
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { signingKey } from './openid-provider.ts'
import { bearer } from './recipe-application.ts'
import { importBlock, writeBlock, importRecipe } from '../printed-code.ts'

process.env.ALICE_PASSWORD = 'wonderland'
type Create = (options?: object) => Promise<FastifyInstance>

async function create(t: Test, { page, file, member = 'createApp' }: { page: string; file: string; member?: string }) {
  const recipe = await importRecipe<Record<string, Create>>(t, { page: `docs/recipes/${page}.md`, file })
  const { options } = createTestAuth()
  const provider = { origin: 'https://api.example.com', clients: [], keys: [signingKey] }
  const app = await recipe[member]!({ ...options, ...(page === 'authorization-server' && provider) })
  t.teardown(() => app.close())
  return app
}

const json = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
const bodies = [
  {},
  ...['null', '[]', '"a"', '1', '{}', '{"username":[]}'].map((payload) => ({ payload, headers: json }))
]

for (const [page, file, urls, member] of [
  ['trpc', 'application', ['/login', '/refresh', '/trpc/addNote', '/trpc/me,notes?batch=1', '/trpc/__proto__']],
  ['authorization-server', 'file app.ts', ['/login']],
  ['personal-access-tokens', 'file app.ts', ['/tokens']],
  ['impersonation', 'file app.ts', ['/impersonations', '/impersonations/end']],
  ['machine-tokens', 'file clients.ts', ['/oauth/token']],
  ['rate-limits', 'file app.ts', ['/login', '/refresh']],
  ['server-rendered', 'pages', ['/login', '/logout', '/notes']],
  ['ssr', 'api', ['/auth/login'], 'createApi'],
  ['tenants', 'claim', ['/login']],
  ['mercurius', 'application', ['/graphql']]
] as const) {
  t.test(`docs/recipes/${page}.md: a body that is not an object is an error of the client`, async (t) => {
    const app = await create(t, { page, file, ...(member && { member }) })
    for (const url of urls) {
      for (const body of bodies) {
        const { statusCode } = await app.inject({ method: 'POST', url, ...body })
        t.ok(statusCode < 500, `POST ${url} ${JSON.stringify(body)}: ${statusCode}`)
      }
    }
  })
}

t.test('docs/recipes/aws-lambda.md: a body that is not an object is an error of the client', async (t) => {
  const page = 'docs/recipes/aws-lambda.md'
  type Handler = (event: object, context: object) => Promise<{ statusCode: number }>
  const { createHandler } = await importRecipe<{
    createHandler: (options: Partial<AuthenticateOptions>) => Promise<Handler>
  }>(t, { page, file: 'file app.ts' })
  const handler = await createHandler(createTestAuth().options)
  for (const body of ['null', '[]', '"a"', '{}', '{"username":[]}']) {
    const event = { httpMethod: 'POST', path: '/login', headers: json, body, requestContext: {} }
    t.equal((await handler(event, {})).statusCode, 400, body)
  }
})

t.test('docs/recipes/roles.md: an administrator changes roles in their own team only', async (t) => {
  writeBlock('docs/recipes/roles.md', 'file database.ts')
  const { createApp } = await importBlock<{ createApp: Create }>('docs/recipes/roles.md', 'file app.ts')
  const app = await createApp(createTestAuth().options)
  t.teardown(() => app.close())
  const payload = { username: 'alice', password: 'wonderland' }
  const { access_token: alice } = (await app.inject({ method: 'POST', url: '/login', payload })).json()
  const change = async (member: string) =>
    await app.inject({
      method: 'POST',
      url: `/members/${member}/roles`,
      headers: bearer(alice),
      payload: { roles: ['member'] }
    })
  t.equal((await change('carol')).statusCode, 404, 'carol is in the team blue')
  t.equal((await change('nobody')).statusCode, 404, 'the same as for nobody')
  t.equal((await change('bob')).statusCode, 204, 'bob is in the team red')
})
