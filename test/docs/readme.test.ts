import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { refusals } from '../../plugin/errors.ts'

const readme = readFileSync('README.md', 'utf8')
const door = pathToFileURL(join(import.meta.dirname, '../../plugin/index.ts')).href

function block(name: string): string {
  const code = new RegExp(`<!-- test: ${name} -->\n\`\`\`ts\n([^]*?)\`\`\``).exec(readme)?.[1]
  if (code === undefined) throw new Error(`README.md has no block named ${name}`)
  return code
}

t.test(
  'the application of the README signs in, authenticates, signs out and refuses, as it stands there',
  async (t) => {
    const folder = t.testdir({ 'application.ts': block('application').replace("'fastify-authenticate'", `'${door}'`) })
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

    const signIn = (password: string) =>
      fetch(`${origin}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'alice', password })
      })
    const get = (path: string, token: string) => fetch(origin + path, { headers: { authorization: `Bearer ${token}` } })

    t.equal((await signIn('looking-glass')).status, 401)
    t.equal((await fetch(`${origin}/login`, { method: 'POST' })).status, 400, 'without a body')
    for (const body of ['{}', 'null', '[]', '{"username":"alice"}', '{"username":"alice","password":{}}']) {
      const response = await fetch(`${origin}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body
      })
      t.equal(response.status, 400, body)
    }
    const { access_token: token } = (await (await signIn('wonderland')).json()) as { access_token: string }
    const me = await get('/me', token)
    t.equal(me.status, 200)
    t.match(await me.json(), { sub: 'alice', scope: 'notes:read' })
    t.same(await (await get('/notes', token)).json(), ['buy milk'])
    t.equal(
      (await fetch(`${origin}/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status,
      204
    )
    const refused = await get('/me', token)
    t.equal(refused.status, 401)
    t.equal(
      refused.headers.get('www-authenticate'),
      'Bearer realm="https://api.example.com", error="invalid_token", error_description="The access token has been revoked"'
    )
  }
)

t.test('the README says 15 lines or a few more, and has both lines that a newcomer types', async (t) => {
  t.ok(
    block('application')
      .trim()
      .split('\n')
      .filter((line) => line !== '').length <= 16
  )
  t.match(readme, 'npm ci && npm start')
  t.match(readme, 'npm ci && npm test')
})

t.test('the table of metrics in the README has every metric of the example server, and no other', async (t) => {
  const names = (text: string) =>
    [
      ...new Set(
        [...text.matchAll(/\b(?:auth|password|live|http)_[a-z_]+_(?:total|seconds|running|waiting|open)\b/g)].map(
          ([name]) => name
        )
      )
    ].sort()
  t.same(names(readme), names(readFileSync('example-server/metrics.ts', 'utf8')))
  t.equal(names(readme).length, 10)
})

t.test('the table of refusals in the README has every code with its status, and no other', async (t) => {
  const rows = [...readme.matchAll(/^\| ((?:`AUTH_\w+`(?:, )?)+) \| (\d+) \|/gm)]
  const listed = rows.flatMap(([, codes, status]) =>
    codes!.split(', ').map((code) => [code.slice(1, -1), Number(status)])
  )
  t.same(
    Object.fromEntries(listed),
    Object.fromEntries(Object.entries(refusals).map(([code, { status }]) => [code, status]))
  )
})
