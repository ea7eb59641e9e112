import type { AddressInfo } from 'node:net'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { launchBrowser, skipWithoutBrowser } from '../../fixtures/browser.ts'
import { importBlock } from '../printed-code.ts'

process.env.ALICE_PASSWORD = 'wonderland'
const { createApp } = await importBlock<{
  createApp: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
}>('docs/recipes/server-rendered.md', 'pages')

const host = 'notes.example.com'
const own = { host, 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' }
const fromLink = { host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }

async function start(t: Test, options: Partial<AuthenticateOptions> = {}) {
  const auth = createTestAuth()
  const app = await createApp({ ...auth.options, ...options })
  t.teardown(() => app.close())
  const get = (url: string, headers: object = fromLink) => app.inject({ url, headers: { ...headers } })
  const post = (url: string, form: Record<string, string> = {}, headers: object = own) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const payload = new URLSearchParams(form).toString()
    return app.inject({ method: 'POST', url, payload, headers: { ...headers, ...type } })
  }
  const cookies = { ...(await auth.as('alice', { transport: 'cookie' })), ...fromLink }
  return { auth, app, get, post, cookies }
}

const summary = ({ statusCode, headers }: LightMyRequestResponse) => [statusCode, headers.location]
const cookieNames = ({ cookies }: LightMyRequestResponse) => cookies.map(({ name, maxAge }) => `${name} ${maxAge}`)

t.test('a page that requires a user redirects to the sign-in page and back', async (t) => {
  const { get, post } = await start(t)
  const [status, location] = summary(await get('/?page=2&sort=%26'))
  t.strictSame([status, location], [303, '/login?return_to=%2F%3Fpage%3D2%26sort%3D%2526'])
  const page = (await get(location as string)).body
  t.match(page, '<input name="return_to" type="hidden" value="/?page=2&#38;sort=%26">')

  const form = { username: 'alice', password: 'wonderland', return_to: '/?page=2&sort=%26' }
  const wrong = await post('/login', { ...form, password: 'looking-glass' })
  t.equal(wrong.statusCode, 422)
  t.match(wrong.body, 'Wrong username or password')
  t.match(wrong.body, 'value="/?page=2&#38;sort=%26"', 'the way back is kept')
  t.strictSame(summary(await post('/login', form)), [303, '/?page=2&sort=%26'])
  t.equal((await post('/login')).statusCode, 422, 'an empty form')
})

t.test('return_to never leads to another site', async (t) => {
  const { post } = await start(t)
  const cases: Record<string, string> = {
    '//evil.example': '/',
    '/\\evil.example': '/',
    '/\t/evil.example': '/',
    '/.//evil.example': '/',
    '/..//evil.example': '/',
    'https://evil.example': '/',
    'javascript:alert(1)': '/',
    '\\\\evil.example': '/',
    '/\n': '/',
    '//localhost/notes': '/notes',
    '/@evil.example': '/@evil.example',
    '/notes?next=//evil.example': '/notes?next=//evil.example'
  }
  for (const [given, expected] of Object.entries(cases)) {
    const response = await post('/login', { username: 'alice', password: 'wonderland', return_to: given })
    t.strictSame(summary(response), [303, expected], JSON.stringify(given))
  }
})

t.test('a script gets the 401, not the sign-in page', async (t) => {
  const { get } = await start(t)
  for (const headers of [{ 'sec-fetch-mode': 'cors', accept: 'text/html' }, { accept: '*/*' }]) {
    const response = await get('/', { host, ...headers })
    t.equal(response.statusCode, 401)
    t.equal(response.json().code, 'AUTH_NO_CREDENTIALS')
  }
  t.equal((await get('/', { host, accept: 'text/html,*/*;q=0.8' })).statusCode, 303, 'plain http has no Sec-Fetch-Mode')
})

t.test(
  'an expired access cookie is renewed while the page is loaded, also after a link from another site',
  async (t) => {
    const { auth, get, post, cookies } = await start(t)
    auth.clock.advance(700)
    const response = await get('/', cookies)
    t.equal(response.statusCode, 200)
    t.match(response.body, 'Notes of alice')
    t.strictSame(cookieNames(response), ['__Host-access 1209600', '__Host-refresh 1209600'])
    t.equal(response.headers['cache-control'], 'private, no-store')
    const saved = await post('/notes', { text: '<script>' }, { ...cookies, ...own })
    t.strictSame(summary(saved), [303, '/'])
    t.match((await get('/', cookies)).body, '<li>&#60;script&#62;</li>')
  }
)

t.test('forms of other sites change nothing', async (t) => {
  const { auth, get, post, cookies } = await start(t)
  const attack = { ...cookies, origin: 'https://evil.example' }
  for (const url of ['/notes', '/logout']) {
    const refused = await post(url, { text: 'forged' }, attack)
    t.equal(refused.statusCode, 403, url)
    t.match(refused.body, '<h1>The request came from another site</h1>')
    t.strictSame(cookieNames(refused), [])
  }
  const login = await post('/login', { username: 'alice', password: 'wonderland' }, attack)
  t.equal(login.statusCode, 403, 'nobody is signed in as the attacker')
  auth.clock.advance(700)
  t.equal((await post('/notes', { text: 'forged' }, attack)).statusCode, 403, 'nor is a cookie renewed for it')
  t.notMatch((await get('/', cookies)).body, 'forged')
})

t.test('a form ends the session, and the cookies of an ended session are cleared', async (t) => {
  const { auth, get, post, cookies } = await start(t)
  const signedOut = await post('/logout', {}, { ...cookies, ...own })
  t.strictSame(summary(signedOut), [303, '/login'])
  t.strictSame(new Set(signedOut.cookies.map(({ maxAge }) => maxAge)), new Set([0]))
  t.strictSame(summary(await get('/', cookies)), [303, '/login?return_to=%2F'])
  t.strictSame(summary(await post('/logout')), [303, '/login'], 'again')

  const others = await auth.as('alice', { transport: 'cookie' })
  await auth.signOut('alice')
  const ended = await get('/', { ...others, ...fromLink })
  t.strictSame(summary(ended), [303, '/login?return_to=%2F'])
  t.ok(ended.cookies.length > 0)
  t.strictSame(new Set(ended.cookies.map(({ maxAge }) => maxAge)), new Set([0]))
})

t.test('a form that was sent too late leads to the sign-in page', async (t) => {
  const { auth, post, cookies } = await start(t)
  auth.clock.advance(15 * 24 * 3600)
  t.strictSame(summary(await post('/notes', { text: 'late' }, { ...cookies, ...own })), [303, '/login?return_to=%2F'])
})

t.test('nobody is sent to the sign-in page while the store does not respond', async (t) => {
  let isDown = false
  const auth = createTestAuth({
    store: ({ clock }) =>
      new Proxy(memoryStore({ clock }), {
        get(store, name) {
          const value: unknown = Reflect.get(store, name)
          if (typeof value !== 'function') return value
          return (...input: unknown[]): unknown => {
            if (isDown) throw new Error('the store is down')
            return Reflect.apply(value, store, input)
          }
        }
      })
  })
  const app = await createApp(auth.options)
  t.teardown(() => app.close())
  const headers = { ...(await auth.as('alice', { transport: 'cookie' })), ...fromLink }
  auth.clock.advance(700)
  isDown = true
  const response = await app.inject({ url: '/', headers })
  t.strictSame([response.statusCode, response.headers['retry-after']], [503, '2'])
  t.match(response.headers['content-type'], 'text/html')
  isDown = false
  t.equal((await app.inject({ url: '/', headers })).statusCode, 200)
})

t.test('a browser signs in, saves, renews and signs out', skipWithoutBrowser, async (t) => {
  const { auth, app } = await start(t)
  await app.listen({ port: 0, host: 'localhost' })
  const url = `http://localhost:${(app.server.address() as AddressInfo).port}`
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`${url}/?page=2`)
  await page.fill('[name=username]', 'alice')
  await page.fill('[name=password]', 'wonderland')
  await page.click('button')
  await page.waitForURL(`${url}/?page=2`)
  t.equal(await page.textContent('h1'), 'Notes of alice')
  auth.clock.advance(700)
  await page.fill('[name=text]', 'from a browser')
  await page.click('text=Save')
  await page.waitForURL(`${url}/`)
  t.match(await page.textContent('ul'), /from a browser/)
  await page.click('text=Sign out')
  await page.waitForURL(`${url}/login`)
  await page.goBack()
  await page.waitForURL(`${url}/login?return_to=%2F`)
})
