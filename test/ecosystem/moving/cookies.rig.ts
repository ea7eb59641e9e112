// Applications whose users have a session cookie: one browser before, between and after.
import { createServer } from 'node:http'
import type { Express } from 'express'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { importFiles } from '../printed-code.ts'
import { createAddress, type Listening } from './servers.ts'
import { defineUsers } from './users.ts'

interface After {
  createApp(options: Partial<AuthenticateOptions>): Promise<FastifyInstance>
}
const session = await importFiles<{ before: { createApp(): Promise<FastifyInstance> }; app: After }>(
  'docs/moving/fastify-session.md',
  ['file before.ts', 'file app.ts']
)
const passport = await importFiles<{ before: { createApp(): Express }; app: After }>('docs/moving/passport.md', [
  'file before.ts',
  'file app.ts'
])

defineUsers()
Object.assign(process.env, {
  SESSION_SECRET: 'the secret of the sessions, 32 bytes',
  AUTH_SECRET: 'the new secret, of 32 bytes or more'
})
const alice = { username: 'alice', password: 'wonderland' }
/** Without TLS. */
const cookies = { secure: false, renew: true }

/** A browser at an address: it keeps cookies and sends them. `jar` can be planted. */
function createBrowser(url: () => string) {
  const jar = new Map<string, string>()
  async function send(method: string, path: string, body?: unknown) {
    const response = await fetch(url() + path, {
      method,
      headers: {
        cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'sec-fetch-site': 'same-origin',
        ...(body !== undefined && { 'content-type': 'application/json' })
      },
      ...(body !== undefined && { body: JSON.stringify(body) })
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      if (value === '' || /max-age=0/i.test(line)) jar.delete(name!)
      else jar.set(name!, value!)
    }
    const text = await response.text()
    return response.ok && text !== '' ? (JSON.parse(text) as unknown) : response.status
  }
  return {
    jar,
    get: (path: string) => send('GET', path),
    post: (path: string, body?: unknown) => send('POST', path, body),
    put: (path: string, body: unknown) => send('PUT', path, body)
  }
}

function listening(app: Express): Listening {
  const server = createServer(app)
  return {
    server,
    listen: ({ port, host }) => new Promise<void>((resolve) => server.listen(port, host, resolve)),
    close: () => new Promise((resolve) => server.close(resolve))
  }
}

/** A clock that can be moved on. */
function createClock() {
  let ahead = 0
  return { clock: () => Date.now() + ahead, advance: (seconds: number) => (ahead += seconds * 1000) }
}

async function deployNew(t: Test, { app, address }: { app: After; address: ReturnType<typeof createAddress> }) {
  const { clock, advance } = createClock()
  const instance = await address.deploy(await app.createApp({ cookies, clock }))
  t.ok(instance)
  return { instance, advance }
}

t.test('@fastify/session: one browser signs in once more, keeps its cart, and signs out', async (t) => {
  const address = createAddress(t)
  await address.deploy(await session.before.createApp())
  const browser = createBrowser(address.url)
  t.equal(await browser.post('/login', { ...alice, password: 'looking-glass' }), 401)
  t.equal(await browser.post('/login', alice), 204)
  t.strictSame(await browser.get('/me'), { id: 'alice' })

  const { instance, advance } = await deployNew(t, { app: session.app, address })
  t.equal(await browser.get('/me'), 401, 'the old cookie does not count')
  t.strictSame(await browser.put('/cart', ['tea']), ['tea'])
  const planted = browser.jar.get('sessionId')
  t.equal(await browser.post('/login', alice), 204)
  t.strictSame([await browser.get('/me'), await browser.get('/cart')], [{ id: 'alice' }, ['tea']])
  t.not(browser.jar.get('sessionId'), planted, 'the data has another identifier')
  const thief = createBrowser(address.url)
  thief.jar.set('sessionId', planted!)
  t.strictSame([await thief.get('/me'), await thief.get('/cart')], [401, []], 'who planted the session cookie')

  advance(3600)
  t.strictSame(await browser.get('/me'), { id: 'alice' }, 'an hour later, without a refresh route')
  const copy = createBrowser(address.url)
  for (const [name, value] of browser.jar) copy.jar.set(name, value)
  t.equal(await browser.post('/logout'), 204)
  t.strictSame([await browser.get('/me'), await copy.get('/me')], [401, 401])
  t.strictSame(await instance.sessions.list('alice'), [])
})

t.test('@fastify/session: an old session with an account signs nobody in', async (t) => {
  const address = createAddress(t)
  const instance = await session.app.createApp({ cookies })
  // What an old session holds, in the store that both applications use.
  instance.put('/old', async (request) => {
    Object.assign(request.session, { account: { id: 'alice', roles: ['admin'] } })
    return {}
  })
  await address.deploy(instance)
  const browser = createBrowser(address.url)
  await browser.put('/old', {})
  t.equal(await browser.get('/me'), 401)
})

t.test('passport: one browser signs in once more, and its old cookie goes', async (t) => {
  const address = createAddress(t)
  await address.deploy(listening(passport.before.createApp()))
  const browser = createBrowser(address.url)
  t.equal(await browser.post('/login', { ...alice, password: 'looking-glass' }), 401)
  t.equal(await browser.post('/login', alice), 204)
  t.strictSame([await browser.get('/me'), await browser.get('/reports')], [{ id: 'alice' }, []])
  t.ok(browser.jar.has('connect.sid'))

  const { advance } = await deployNew(t, { app: passport.app, address })
  t.equal(await browser.get('/me'), 401, 'the old cookie does not count')
  t.equal(await browser.post('/login', { ...alice, password: 'looking-glass' }), 401)
  t.equal(await browser.post('/login', alice), 204)
  t.notOk(browser.jar.has('connect.sid'))
  t.strictSame([await browser.get('/me'), await browser.get('/reports')], [{ id: 'alice' }, []])
  advance(3600)
  t.strictSame(await browser.get('/me'), { id: 'alice' }, 'an hour later, without a refresh route')

  const bob = createBrowser(address.url)
  t.equal(await bob.post('/login', { username: 'bob', password: 'builder' }), 204)
  t.equal(await bob.get('/reports'), 403)
  t.equal(await browser.post('/logout'), 204)
  t.equal(await browser.get('/me'), 401)
})
