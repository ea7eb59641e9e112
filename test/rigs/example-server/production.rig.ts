// The server behind nginx and behind Caddy, as docs/production.md configures them.
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { runProgram, startServer } from '../../fixtures/example-server.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { certify } from '../../fixtures/openssl.ts'
import { folderIn, proxies, proxyNames, skipWithout, type Ports } from '../../fixtures/proxies.ts'

t.setTimeout(180_000)

const host = 'api.example.com'

/** The variables of the page. The files and the databases are those of the test. */
const settings = Object.fromEntries(
  [...namedBlock('docs/production.md', 'production settings').matchAll(/^(\w+)=(.*)$/gm)]
    .map(([, name, value]) => [name!, value!] as const)
    .filter(([name]) => !/_FILE$|_DIR$|_URL$|^PORT$/.test(name))
)

interface Sent {
  readonly path: string
  readonly method?: string
  readonly body?: object | string
  readonly headers?: Record<string, string>
  /** The address that the client connects from. */
  readonly from?: string
}

/** A client that knows only the address of the proxy. */
function createClient(ports: Ports, ca: string) {
  async function send({ path, method = 'GET', body, headers = {}, from = '127.0.0.1' }: Sent) {
    const sent = httpsRequest({
      host: '127.0.0.1',
      port: ports.https,
      servername: host,
      ca,
      path,
      method,
      localAddress: from,
      agent: false,
      headers: { host, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }
    }).end(typeof body === 'object' ? JSON.stringify(body) : body)
    const [response] = await once(sent, 'response')
    const content = await text(response)
    return { status: response.statusCode as number, headers: response.headers, content }
  }
  return {
    send,
    signIn: async (credentials: object, more: Partial<Sent> = {}) =>
      await send({ path: '/auth/login', method: 'POST', body: credentials, ...more })
  }
}

/** What a client may claim about itself. */
const forged = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-port': '80',
  'x-real-ip': '203.0.113.9',
  forwarded: 'for=203.0.113.9;proto=http;host=evil.example',
  'x-request-id': 'forged'
}

for (const name of proxyNames) {
  t.test(
    `behind ${name} the server knows its clients, and none can pretend to be another`,
    skipWithout(name),
    async (t) => {
      const folder = t.testdir()
      const { cert: ca } = certify(folder, 'site', `DNS:${host}`)
      const tls = { cert: join(folder, 'site.pem'), key: join(folder, 'site.key') }
      const env = {
        ...settings,
        DATA_DIR: join(folder, 'data'),
        AUTH_SECRET: '0123456789abcdefghijklmnopqrstuv',
        LOG_LEVEL: 'info',
        DRAIN_SECONDS: '0'
      }
      const adding = runProgram(t, { entry: 'commands/users.ts', env, args: ['add', 'root', '--role', 'admin'] })
      t.equal(await adding.exitCode(), 0, adding.output.text)
      const password = /password (\S+)/.exec(adding.output.text)![1]!
      const server = await startServer(t, env)
      const upstream = Number(new URL(server.url).port)
      const ports = await proxies[name](t, { upstream, tls, folder: folderIn(folder, name) })
      const { send, signIn } = createClient(ports, ca)
      const right = { username: 'root', password }

      await t.test('plain http is redirected, and refused behind the proxy', async (t) => {
        const [redirect] = await once(
          httpRequest({
            host: '127.0.0.1',
            port: ports.http,
            path: '/auth/login',
            method: 'POST',
            headers: { host, 'x-forwarded-proto': 'https' }
          }).end('{}'),
          'response'
        )
        t.match(String(redirect.resume().statusCode), /^30[18]$/)
        t.match(redirect.headers.location, /^https:\/\/api\.example\.com(:\d+)?\/auth\/login$/)
        // A program on the machine whose address is not that of the proxy.
        const direct = httpRequest(`${server.url}/auth/login`, {
          method: 'POST',
          localAddress: '127.0.0.9',
          headers: {
            ...forged,
            'x-forwarded-proto': 'https',
            'x-request-id': 'direct',
            'content-type': 'application/json'
          }
        }).end(JSON.stringify(right))
        const [refused] = await once(direct, 'response')
        t.equal(refused.statusCode, 403)
        t.match(JSON.parse(await text(refused)), { code: 'HTTPS_REQUIRED' })
      })

      await t.test('a sign-in by tokens and by cookies', async (t) => {
        const signedIn = await signIn(right, { headers: forged })
        t.equal(signedIn.status, 200, signedIn.content)
        t.match(signedIn.headers['x-request-id'], /^[\da-f-]{32,36}$/, 'the id is that of the proxy')
        const { access_token: token } = JSON.parse(signedIn.content)
        t.match(JSON.parse((await send({ path: '/me', headers: { authorization: `Bearer ${token}` } })).content), {
          iss: `https://${host}`,
          name: 'root',
          roles: ['admin']
        })
        const own = { origin: `https://${host}`, 'sec-fetch-site': 'same-origin' }
        const byCookie = await signIn({ ...right, transport: 'cookie' }, { headers: own })
        t.equal(byCookie.status, 200, byCookie.content)
        const cookie = byCookie.headers['set-cookie']!.map((line: string) => line.split(';')[0]).join('; ')
        t.match(cookie, '__Host-access=')
        const note = { path: '/notes', method: 'POST', body: { text: 'x' } }
        t.equal((await send({ ...note, headers: { cookie, ...own } })).status, 201)
        const crossSite = await send({ ...note, headers: { ...forged, cookie, origin: 'https://evil.example' } })
        t.match([crossSite.status, crossSite.content], [403, 'AUTH_CROSS_SITE'])
      })

      await t.test('the log and the limits have the address of the client, whatever it claims', async (t) => {
        const wrong = { username: 'root', password: 'a wrong password' }
        const statuses: number[] = []
        for (let attempt = 0; attempt < 21; attempt++) {
          const headers = { ...forged, 'x-forwarded-for': `203.0.113.${attempt}` }
          statuses.push((await signIn(wrong, { headers, from: '127.0.0.2' })).status)
        }
        t.strictSame(statuses, [...Array(20).fill(401), 429])
        t.equal((await signIn(right, { from: '127.0.0.3' })).status, 200, 'another client')
        t.equal(
          (await signIn(right, { from: '127.0.0.2' })).status,
          429,
          'the same client, also with the right password'
        )
        const logged = [...server.output.text.matchAll(/"audit":"sign-in-failed".*?"remoteAddress":"([^"]+)"/g)]
        t.strictSame([...new Set(logged.map(([, address]) => address))], ['127.0.0.2'])
        t.notMatch(server.output.text, /"remoteAddress":"203|"reqId":"forged"/)
      })

      await t.test('a WebSocket, which closes at the sign-out', async (t) => {
        const tokens = JSON.parse((await signIn(right)).content)
        const headers = { authorization: `Bearer ${tokens.access_token}`, host }
        const options = { ca, servername: host, headers }
        const socket = new WebSocket(`wss://127.0.0.1:${ports.https}/live`, options)
        await once(socket, 'message')
        const closed = once(socket, 'close')
        const body = { refresh_token: tokens.refresh_token }
        t.equal((await send({ path: '/auth/logout', method: 'POST', body })).status, 204)
        t.equal((await closed)[0], 4401)
      })

      await t.test('the metrics are not public, and a body that is too long is refused', async (t) => {
        t.equal((await send({ path: '/metrics' })).status, 404)
        t.match(await (await fetch(`${server.url}/metrics`)).text(), 'app_build_info')
        const long = await signIn({ username: 'root', password: 'x'.repeat(70_000) })
        t.equal(long.status, 413)
      })

      t.equal(await server.stop(), 0)
    }
  )

  t.test(`${name} passes a stream on as it is sent`, skipWithout(name), async (t: Test) => {
    const folder = t.testdir()
    const { cert: ca } = certify(folder, 'site', `DNS:${host}`)
    const tls = { cert: join(folder, 'site.pem'), key: join(folder, 'site.key') }
    let end = () => {}
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: first\n\n')
      end = () => response.end('data: last\n\n')
    }).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { port: upstream } = server.address() as AddressInfo
    const ports = await proxies[name](t, { upstream, tls, folder: folderIn(folder, name) })
    const sent = httpsRequest({ host: '127.0.0.1', port: ports.https, servername: host, ca, headers: { host } }).end()
    const [response] = await once(sent, 'response')
    t.equal(String((await once(response, 'data'))[0]), 'data: first\n\n', 'while the response goes on')
    end()
    t.equal(await text(response), 'data: last\n\n')
  })
}
