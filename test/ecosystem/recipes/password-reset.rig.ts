import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { importRecipe } from '../printed-code.ts'
import './recipe-application.ts'

interface Recipe {
  createApp(options: Partial<AuthenticateOptions>): Promise<FastifyInstance>
  database: { prepare(sql: string): { run(...values: unknown[]): unknown; get(): unknown } }
  mails: { to: string; link: string }[]
}

async function start(t: Test) {
  const auth = createTestAuth()
  const { createApp, database, mails } = await importRecipe<Recipe>(t, {
    page: 'docs/recipes/password-reset.md',
    file: 'file app.ts'
  })
  const app = await createApp(auth.options)
  t.teardown(() => app.close())
  app.get('/me', { config: { auth: true } }, async ({ user }) => user.sub)
  await app.ready()
  // The page does not wait for the mail. After the first signature, which loads the library, the mail is there first.
  await app.accessTokens.sign({ sub: 'nobody' })
  database.prepare('INSERT INTO users (id, email, password) VALUES (?, ?, ?)').run('alice', 'alice@example.com', 'old')
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
  /** The token in the mail that the request sends; `null` if it does not send one. */
  async function forgot(email = 'alice@example.com'): Promise<string | null> {
    const { statusCode } = await post('/password/forgot', { email })
    t.equal(statusCode, 202)
    return mails.shift()?.link.split('#')[1] ?? null
  }
  const reset = async (token: string | null, password = 'correct horse battery staple') =>
    (await post('/password/reset', { token, password })).statusCode
  const me = async (headers: Record<string, string>) => (await app.inject({ url: '/me', headers })).statusCode
  const password = () => (database.prepare('SELECT password FROM users').get() as { password: string }).password
  return { app, auth, forgot, reset, me, password }
}
const bearer = (token: string | null) => ({ authorization: `Bearer ${token}` })

t.test('a link changes the password once, and ends all sessions', async (t) => {
  const { auth, forgot, reset, me, password } = await start(t)
  const session = { ...(await auth.as('alice')) }
  auth.clock.advance(1)
  const token = await forgot()
  t.equal(await me(session), 200)
  t.equal(await reset(token), 204)
  const changed = password()
  t.not(changed, 'old')
  t.equal(await me(session), 401)
  t.equal(await reset(token, 'the password of whoever reads the mail later'), 400)
  t.equal(password(), changed)
  auth.clock.advance(1)
  t.equal(await reset(await forgot(), 'another password that is long'), 204, 'a new link')
})

t.test('of two links, and of two requests at the same time, one counts', async (t) => {
  const { auth, forgot, reset } = await start(t)
  const first = await forgot()
  auth.clock.advance(60)
  const second = await forgot()
  t.strictSame((await Promise.all([reset(second), reset(second)])).sort(), [204, 400])
  t.equal(await reset(first), 400, 'the older one')
})

t.test('a link is not a session, and a session is not a link', async (t) => {
  const { auth, forgot, reset, me } = await start(t)
  t.equal(await me(bearer(await forgot())), 401)
  const { accessToken } = await auth.signIn('alice')
  t.equal(await reset(accessToken), 400)
})

t.test('a link that has expired, was forged, or is for another user does not count', async (t) => {
  const { app, auth, forgot, reset, password } = await start(t)
  const token = await forgot()
  const forged = `${token!.slice(0, -4)}AAAA`
  t.equal(await reset(forged), 400)
  t.equal(await reset('not a token'), 400)
  t.equal(
    await reset(await app.accessTokens.sign({ sub: 'bob', audience: 'password-reset' })),
    400,
    'who does not exist'
  )
  t.equal(
    await reset(await app.accessTokens.sign({ sub: 'alice', audience: 'newsletter' })),
    400,
    'for another purpose'
  )
  auth.clock.advance(900)
  t.equal(await reset(token), 400)
  t.equal(password(), 'old')
})

t.test('nobody learns who has an account', async (t) => {
  const { forgot } = await start(t)
  t.equal(await forgot('eve@example.com'), null)
})
