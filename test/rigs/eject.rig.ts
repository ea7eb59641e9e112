import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { followGuide } from './eject/guide.ts'
import { startProject } from './eject/started.ts'
import { run } from '../package/commands.ts'

t.setTimeout(280_000)
const root = fileURLToPath(new URL('../..', import.meta.url))
// Outside of the repository, whose packages and settings must not be found.
const parent = realpathSync(mkdtempSync(join(tmpdir(), 'eject-rig-')))
t.teardown(() => rmSync(parent, { recursive: true }))
const folder = join(parent, 'shop')

const readLock = () => JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as object

/** Runs a command in the project, which must succeed. */
async function npm(...parameters: string[]): Promise<string> {
  const { status, text } = await run(['npm', ...parameters], { cwd: folder })
  if (status !== 0) throw new Error(`npm ${parameters.join(' ')}: ${text}`)
  return text
}

t.test('npm run eject writes a project that npm ci installs, and that passes its own checks', async (t) => {
  const { status, text } = await run(['npm', 'run', '--silent', 'eject', '--', folder], { cwd: root })
  t.equal(status, 0, text)
  await npm('ci', '--prefer-offline', '--no-audit', '--no-fund')
  const lock = readLock()
  await npm('install', '--package-lock-only', '--prefer-offline', '--no-audit', '--no-fund')
  t.strictSame(readLock(), lock, 'npm would write the same lock file')
  t.match(await npm('test'), /^# fail 0$/m)
})

t.test('npm start serves the page, and a user signs in', async (t) => {
  writeFileSync(join(folder, '.env'), 'DEMO_PASSWORD=tried with a rig\nTRUSTED_ORIGINS=http://localhost:5173\n')
  const { url, stop } = await startProject(t, folder)
  for (const path of ['/', '/page/page.js', '/client/index.js']) t.equal((await fetch(url + path)).status, 200, path)
  const sources = JSON.stringify(await (await fetch(`${url}/page/sources.json`)).json())
  t.match(sources, /src\/routes\/login\.ts/, 'lessons show the lines of the project')
  t.match(sources, /"plugin\/http\/cross-site\.ts"/, 'and those of the plugin')

  t.equal((await fetch(`${url}/notes`)).status, 401)
  const body = JSON.stringify({ username: 'alice', password: 'tried with a rig' })
  const headers = { 'content-type': 'application/json', origin: 'http://localhost:5173' }
  const signedIn = await fetch(`${url}/auth/login`, { method: 'POST', headers, body })
  t.equal(signedIn.status, 200)
  t.equal(signedIn.headers.get('access-control-allow-origin'), 'http://localhost:5173')
  const { access_token: token } = (await signedIn.json()) as { access_token: string }
  t.equal((await fetch(`${url}/notes`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
  t.match(await stop(), /"msg":"stopped"/)
})

t.test('a developer adds a second entity as README.md describes', async (t) => {
  const changed = followGuide(folder, 'Add a second entity')
  t.ok(changed.length > 7)
  await npm('run', 'types')
  const tested = await npm('test')
  t.match(tested, /users finish their own tasks only/)
  t.match(tested, /^# fail 0$/m)
})

t.test('without the development packages, the compiled server and its commands run', async (t) => {
  await npm('prune', '--omit=dev', '--no-audit', '--no-fund')
  for (const name of ['typescript', 'tsx', 'esbuild', 'tap', 'playwright-core']) {
    t.notOk(existsSync(join(folder, 'node_modules', name)), name)
  }
  const command = [process.execPath, 'dist/commands/users.js', 'add', 'carol', '--role', 'admin'] as const
  const { status, text } = await run(command, { cwd: folder })
  t.equal(status, 0, text)
  t.match(text, /^added carol with the role admin/m)
})
