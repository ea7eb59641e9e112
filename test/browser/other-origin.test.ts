// A front end on another port than the example server. To a browser that is another origin, but the same site.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { password } from '../fixtures/example-client.ts'
import { createInjected } from '../fixtures/example-server.ts'

t.setTimeout(600_000)

const client = new URL('../../client/', import.meta.url)

/** A server of static files: an empty page, and the modules of the client. */
async function startFrontEnd(t: Test): Promise<string> {
  const server = createServer(async ({ url = '/' }, response) => {
    const name = /^\/client\/([a-z-]+\.js)$/.exec(url)?.[1]
    response.setHeader('content-type', name === undefined ? 'text/html' : 'text/javascript')
    response.end(name === undefined ? '<title>front end</title>' : await readFile(new URL(name, client)))
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

/** What the page's scripts see of a response; the message if they see none. */
async function send(page: Page, url: string, init: RequestInit = {}): Promise<unknown[]> {
  return await page.evaluate(
    async ([url, init]) => {
      try {
        const response = await fetch(url, { credentials: 'include', ...init })
        const seen = ['www-authenticate', 'date', 'x-request-id'].filter((name) => response.headers.has(name))
        return [response.status, ((await response.json().catch(() => ({}))) as { code?: string }).code, seen]
      } catch (error) {
        return [String(error)]
      }
    },
    [url, init] as const
  )
}

const json = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body)
})

t.test('a page on another port', skipWithoutBrowser, async (t) => {
  const [trusted, untrusted] = [await startFrontEnd(t), await startFrontEnd(t)]
  const { app, database } = await createInjected(t, { env: { TRUSTED_ORIGINS: trusted } })
  await app.listen({ port: 0, host: 'localhost' })
  const api = `http://localhost:${(app.server.address() as AddressInfo).port}`
  await app.inject({ method: 'POST', url: '/auth/register', payload: { username: 'bob', password } })
  const { id } = (await database.users.byName('bob'))!
  const texts = async () => (await database.notes.list(id)).map(({ text }) => text)
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const context = await browser.newContext()
  const page = await context.newPage()

  await t.test('that TRUSTED_ORIGINS names signs in by cookie, and uses the client', async (t) => {
    await page.goto(trusted)
    t.strictSame(await send(page, `${api}/me`), [
      401,
      'AUTH_NO_CREDENTIALS',
      ['www-authenticate', 'date', 'x-request-id']
    ])
    const signIn = json({ username: 'bob', password, transport: 'cookie' })
    t.strictSame(await send(page, `${api}/auth/login`, signIn), [200, undefined, ['date', 'x-request-id']])
    const seen = await page.evaluate(
      async ([origin, baseUrl]) => {
        const { createAuth } = await import(`${origin}/client/index.js`)
        const auth = createAuth({ baseUrl, refresh: '/auth/refresh', signOut: '/auth/logout', me: '/me' })
        await new Promise((resolve) => auth.addEventListener('signed-in', resolve, { once: true }))
        const saved = await auth.fetch('/notes', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ text: 'from another port' })
        })
        const removed = await auth.fetch(`/notes/${(await saved.json()).id}`, { method: 'DELETE' })
        const again = await auth.fetch('/notes', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ text: 'kept' })
        })
        return [auth.user.name, saved.status, removed.status, again.status]
      },
      [trusted, api]
    )
    t.strictSame(seen, ['bob', 201, 204, 201])
    t.strictSame(await texts(), ['kept'])
  })

  await t.test(
    'that it does not name reads nothing and changes nothing, although the browser sends cookies',
    async (t) => {
      const attack = await context.newPage()
      await attack.goto(untrusted)
      const refused = ['TypeError: Failed to fetch']
      t.strictSame(await send(attack, `${api}/me`), refused)
      t.strictSame(await send(attack, `${api}/notes`, json({ text: 'forged' })), refused, 'the preflight fails')
      // Without a preflight, a browser sends these.
      t.strictSame(await send(attack, `${api}/auth/logout`, { method: 'POST', mode: 'no-cors' }), refused)
      t.strictSame(await send(attack, `${api}/auth/refresh`, { method: 'POST' }), refused)
      t.strictSame(await texts(), ['kept'])
      t.match(await send(page, `${api}/me`), [200], 'nobody was signed out')
    }
  )

  await t.test('that TRUSTED_ORIGINS names signs out', async (t) => {
    t.match(await send(page, `${api}/auth/logout`, { method: 'POST' }), [204])
    t.match(await send(page, `${api}/me`), [401])
  })
})
