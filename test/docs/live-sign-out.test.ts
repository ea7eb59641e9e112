import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { audience, makeKey, tokenOf } from '../fixtures/issuer.ts'
import { namedBlock } from '../fixtures/named-block.ts'

// Starting a process from TypeScript takes long on a busy machine.
t.setTimeout(600_000)

type Headers = Record<string, string>

/** Starts the example of docs/live-sign-out.md, unchanged except for these replacements. */
async function startExample(t: Test, replacements: Record<string, string> = {}) {
  let code = namedBlock('docs/live-sign-out.md', 'live')
  const pluginUrl = pathToFileURL('plugin/index.ts').href
  for (const [text, replacement] of Object.entries({ "'fastify-authenticate'": `'${pluginUrl}'`, ...replacements })) {
    t.ok(code.includes(text), `the example has ${text}`)
    code = code.replace(text, replacement)
  }
  const folder = t.testdir({ 'example.ts': code })
  const server = spawn(process.execPath, [...process.execArgv, join(folder, 'example.ts')], {
    env: { ...process.env, PORT: '0', AUTH_SECRET: '0123456789abcdef0123456789abcdef' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => server.kill())
  const url = String((await once(server.stdout, 'data'))[0]).trim()
  return {
    url,
    async login(): Promise<Headers> {
      const { access_token: token } = (await (await fetch(`${url}/login`, { method: 'POST' })).json()) as {
        access_token: string
      }
      return { authorization: `Bearer ${token}` }
    },
    async open(headers: Headers) {
      const socket = new WebSocket(`${url}/live`, { headers })
      t.teardown(() => socket.terminate())
      const received: unknown[] = []
      socket.on('message', (data: Buffer) => received.push(String(data)))
      const closed = once(socket, 'close').then(([code, reason]) => [...received, [code, String(reason)]])
      return { socket, first: Promise.race([once(socket, 'message').then(([data]) => String(data)), closed]), closed }
    }
  }
}

t.test('the example of docs/live-sign-out.md closes a socket when its session ends', async (t) => {
  const { url, login, open } = await startExample(t)
  const [ending, staying] = [await login(), await login()]
  const [ended, stays] = [await open(ending), await open(staying)]
  t.strictSame(await Promise.all([ended.first, stays.first]), ['signed in', 'signed in'])
  await fetch(`${url}/logout`, { method: 'POST', headers: ending })
  t.strictSame(await ended.closed, ['signed in', [4401, 'session-ended']])
  await fetch(`${url}/logout`, { method: 'POST', headers: staying })
  t.strictSame(await stays.closed, ['signed in', [4401, 'session-ended']], 'not before')
})

t.test('the example of docs/live-sign-out.md keeps a socket open whose token is valid for 30 days', async (t) => {
  const day = 24 * 3600
  const lifetimes = `
    accessToken: { lifetimeSeconds: ${30 * day}, maxLifetimeSeconds: ${30 * day} },
    refreshToken: { idleSeconds: ${60 * day}, absoluteSeconds: ${90 * day} },`
  const { url, login, open } = await startExample(t, {
    'secret: process.env.AUTH_SECRET,': `secret: process.env.AUTH_SECRET, ${lifetimes}`
  })
  const headers = await login()
  const { first, closed } = await open(headers)
  t.equal(await first, 'signed in')
  await fetch(`${url}/logout`, { method: 'POST', headers })
  t.strictSame(
    await closed,
    ['signed in', [4401, 'session-ended']],
    'a timer that overflows would have said token-expired'
  )
})

t.test(
  'the example of docs/live-sign-out.md accepts a token of another issuer, and keeps the socket open',
  async (t) => {
    const key = makeKey('ES256', 'ec')
    const idp = 'https://idp.example.com'
    const trusted = JSON.stringify([{ issuer: idp, audience, jwks: { keys: [key.jwk] }, algorithms: ['ES256'] }])
    const { open } = await startExample(t, {
      'const needs: TokenNeeds = {}': `const needs: TokenNeeds = { issuers: ['${idp}'] }`,
      'secret: process.env.AUTH_SECRET,': `secret: process.env.AUTH_SECRET, trustedIssuers: ${trusted},`
    })
    const iat = Math.floor(Date.now() / 1000)
    const { socket, first, closed } = await open({
      authorization: `Bearer ${tokenOf(idp, key, { claims: { iat, exp: iat + 600 } })}`
    })
    t.equal(await first, 'signed in')
    const responded = once(socket, 'pong').then(() => 'open')
    socket.ping()
    t.equal(await Promise.race([responded, closed]), 'open', 'and stays')
  }
)
