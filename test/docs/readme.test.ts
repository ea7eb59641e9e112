import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { namedBlock } from '../fixtures/named-block.ts'

const readme = readFileSync('README.md', 'utf8')
const pluginUrl = pathToFileURL(join(import.meta.dirname, '../../plugin/index.ts')).href

interface TokenResponse {
  readonly access_token: string
  readonly refresh_token: string
}

const application = namedBlock('README.md', 'application')

/** Starts the application of the README, unchanged except for the import of the plugin. */
async function startApplication(t: Test) {
  const folder = t.testdir({ 'application.ts': application.replace("'fastify-authenticate'", `'${pluginUrl}'`) })
  const env = {
    ...process.env,
    PORT: '0',
    AUTH_SECRET: '0123456789abcdef0123456789abcdef',
    ALICE_PASSWORD: 'wonderland'
  }
  const server = spawn(process.execPath, [...process.execArgv, join(folder, 'application.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => server.kill())
  const [line] = (await once(server.stdout, 'data')) as [Buffer]
  const origin = line.toString().trim()
  return {
    get: (path: string, token: string) => fetch(origin + path, { headers: { authorization: `Bearer ${token}` } }),
    post: (path: string, body?: string, headers: Record<string, string> = {}) =>
      body === undefined
        ? fetch(origin + path, { method: 'POST', headers })
        : fetch(origin + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  }
}

t.test('the commands of the README start the application, sign in and read', async (t) => {
  const folder = t.testdir({
    'package.json': '{"type":"module"}',
    'app.ts': application.replace("'fastify-authenticate'", `'${pluginUrl}'`)
  })
  const start = namedBlock('README.md', 'start')
  t.match(start, '\nnpx tsx app.ts\n')
  const server = spawn('sh', ['-ec', start.replace('npx tsx', `exec ${process.execPath} --import tsx`)], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => server.kill())
  const origin = String((await once(server.stdout, 'data'))[0]).trim()
  const [login, read] = namedBlock('README.md', 'curl').trim().replaceAll('localhost:3000', origin).split('\n')
  const run = async (command: string) => (await promisify(execFile)('sh', ['-ec', command])).stdout
  const { access_token: token } = JSON.parse(await run(login!)) as TokenResponse
  t.equal(await run(read!.replace('PASTE_THE_ACCESS_TOKEN', token)), '["buy milk"]')
})

t.test('the application of the README signs in, refreshes, protects, signs out and refuses', async (t) => {
  const { get, post } = await startApplication(t)
  const signIn = (password: string) => post('/login', JSON.stringify({ username: 'alice', password }))

  t.equal((await signIn('looking-glass')).status, 401)
  t.equal((await post('/login')).status, 400, 'without a body')
  for (const body of ['{}', 'null', '[]', '{"username":"alice"}', '{"username":"alice","password":{}}']) {
    t.equal((await post('/login', body)).status, 400, body)
  }
  const signedIn = (await (await signIn('wonderland')).json()) as TokenResponse
  const me = await get('/me', signedIn.access_token)
  t.equal(me.status, 200)
  t.match(await me.json(), { sub: 'alice', scope: 'notes:read' })

  const refreshed = await post('/refresh', JSON.stringify({ refresh_token: signedIn.refresh_token }))
  t.equal(refreshed.status, 200)
  const { access_token: token } = (await refreshed.json()) as TokenResponse
  t.not(token, signedIn.access_token)
  t.equal((await post('/refresh', '{"refresh_token":"forged"}')).status, 401)
  t.equal((await post('/refresh', '{}')).status, 400)
  t.same(await (await get('/notes', token)).json(), ['buy milk'])

  t.equal((await post('/logout', undefined, { authorization: `Bearer ${token}` })).status, 204)
  const refused = await get('/me', token)
  t.equal(refused.status, 401)
  t.equal(
    refused.headers.get('www-authenticate'),
    'Bearer realm="https://api.example.com", error="invalid_token", ' +
      'error_description="The access token has been revoked"'
  )
})

t.test(
  'README.md has at most 120 lines, an application of about 20, and both commands that a newcomer types',
  async (t) => {
    t.ok(readme.trimEnd().split('\n').length <= 120)
    const lines = application.trim().split('\n')
    t.ok(lines.filter((line) => line !== '').length <= 22)
    for (const command of ['npm ci && npm start', 'npm ci && npm test']) t.match(readme, command)
  }
)
