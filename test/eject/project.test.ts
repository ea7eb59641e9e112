import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createProject } from '../../eject/project.ts'
import { readVariables } from '../fixtures/read-variables.ts'
import { importsOf } from '../fixtures/sources.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tarball = { path: 'vendor/fastify-authenticate-0.1.0.tgz', content: Buffer.from('x'), integrity: 'sha512-x' }
const plugin = { spec: `file:${tarball.path}`, tarball, isThisOne: true }
const project = createProject({ root, name: 'shop', plugin })
const text = (path: string) => String(project.get(path))
const manifest = JSON.parse(text('package.json'))
const sources = [...project.keys()].filter((path) => /\.(ts|js)$/.test(path))

const isOwn = (to: string) => /^(src|test|scripts)\//.test(to)

/** What a file imports: a path of the project, or the name of a package. */
const importedBy = (path: string) => importsOf(path, text(path)).map(({ to }) => (isOwn(to) ? to : packageOf(to)))

function packageOf(to: string): string {
  // The test resolves the plugin to its source.
  if (/^(plugin|client)\//.test(to)) return 'fastify-authenticate'
  return to.split('/', to.startsWith('@') ? 2 : 1).join('/')
}

t.test('the project lists every package that it imports, and no other', async (t) => {
  const { dependencies, devDependencies } = manifest
  const imported = new Set(sources.flatMap(importedBy).filter((to) => !isOwn(to) && !isBuiltin(to)))
  t.ok(imported.size > 15)
  t.strictSame(
    [...imported].filter((name) => !(name in { ...dependencies, ...devDependencies })),
    []
  )
  // Imported by an expression, on Node 20 only.
  imported.add('@photostructure/sqlite')
  const tools = ['@types/node', 'tsx', 'typescript']
  const isNeeded = (name: string) => imported.has(name.replace('@types/', '')) || tools.includes(name)
  t.strictSame(
    Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !isNeeded(name)),
    []
  )
  t.strictSame(
    Object.keys(dependencies).filter((name) => name.startsWith('@types/') || tools.includes(name)),
    []
  )
})

t.test('the project contains every file of its own that it imports, and no file of this repository', async (t) => {
  const imports = sources.flatMap((path) => importedBy(path).map((to) => ({ path, to })))
  t.strictSame(
    imports.filter(({ to }) => isOwn(to) && !project.has(to)),
    []
  )
  t.ok(imports.some(({ to }) => to === 'src/app.ts'))
  const naming = [...project].filter(([, content]) =>
    /example-server|the example server|fastify-authenticate\.git|customConditions/.test(String(content))
  )
  t.strictSame(
    naming.map(([path]) => path),
    []
  )
})

t.test('the project contains the notice of the license of the files that are copied', async (t) => {
  t.equal(String(project.get('LICENSE-fastify-authenticate')), readFileSync('LICENSE', 'utf8'))
})

t.test('package-lock.json locks what package.json lists, for production without the tools', async (t) => {
  const { packages } = JSON.parse(text('package-lock.json'))
  const { dependencies, devDependencies } = manifest
  t.strictSame(packages[''].dependencies, dependencies)
  t.strictSame(packages[''].devDependencies, devDependencies)
  for (const name of Object.keys(dependencies)) t.notOk(packages[`node_modules/${name}`].dev, name)
  for (const name of Object.keys(devDependencies)) t.ok(packages[`node_modules/${name}`].dev, name)
  t.match(packages['node_modules/fastify-authenticate'], { resolved: plugin.spec, integrity: 'sha512-x' })
  t.notOk('node_modules/playwright-core' in packages)
  t.match(packages['node_modules/@esbuild/linux-x64'], { dev: true, optional: true })
  t.match(packages['node_modules/@node-rs/argon2-linux-x64-gnu'], { dev: undefined, optional: true })
})

t.test('package-lock.json is left out where the packages of the plugin are not known', async (t) => {
  const other = createProject({ root, name: 'shop', plugin: { spec: '^1.0.0', tarball: null, isThisOne: false } })
  t.notOk(other.has('package-lock.json'))
  t.notMatch(String(other.get('Dockerfile')), /vendor/)
})

t.test('.env.example has a line for every variable that readConfig() reads', async (t) => {
  const read = readVariables()
  const lines = text('.env.example').split('\n')
  t.ok(read.size > 20)
  for (const name of read) t.ok(lines.includes(`#${name}=`), name)
  t.strictSame(
    lines.filter((line) => line !== '' && !line.startsWith('#')),
    [],
    'a copy of it changes nothing'
  )
})

t.test('docker compose passes the settings of .env on, and no password of the superuser', async (t) => {
  const [, server = ''] = /^ {2}server:\n([^]*?)^ {2}postgres:/m.exec(text('compose.yaml')) ?? []
  const given = new Set([...server.matchAll(/^ {6}([A-Z_]+): /gm)].map(([, name]) => name!))
  const described = [...text('.env.example').matchAll(/^#([A-Z_]+)=$/gm)].map(([, name]) => name!)
  // What the image or the compose file decides, and what makes no sense in a container behind a proxy.
  const decided = /^(NODE_ENV|HOST|PORT|DATA_DIR|AUTH_KEYS_DIR|COOKIE_SECURE|DRAIN_SECONDS|DEMO_PASSWORD|TLS_\w+)$/
  t.strictSame(
    described.filter((name) => !given.has(name) && !decided.test(name) && !/_FILE$|_PASSWORD$/.test(name)),
    []
  )
  t.notMatch(server, /\$\{POSTGRES_PASSWORD/)
})

t.test(
  'lessons name lines of the plugin as its package has them, and the API has the name of the project',
  async (t) => {
    t.match(text('src/routes/page-sources.ts'), /path: 'plugin\/http\/cross-site\.ts'/)
    t.match(text('src/api-document.ts'), /title: 'shop',\n {8}version: '1'\n/)
    t.match(text('docs/production.md'), /git clone https:\/\/github\.com\/example\/shop\.git/)
  }
)

t.test('the name of the project is everywhere', async (t) => {
  t.equal(manifest.name, 'shop')
  t.strictSame(
    [...project]
      .filter(([path, content]) => !path.startsWith('src/') && String(content).includes('my-app'))
      .map(([path]) => path),
    []
  )
})

t.test('the links of its pages lead to files and headings that it has, and its scripts exist', async (t) => {
  const pages = ['README.md', 'docs/server.md', 'docs/production.md']
  const anchors = (page: string) =>
    [...text(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-')
    )
  for (const page of pages) {
    const links = [...text(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
    const broken = links.filter(([, path, anchor]) => {
      const target = path === '' ? page : posix.join(posix.dirname(page), path!)
      return !project.has(target) || (anchor !== undefined && !anchors(target).includes(anchor))
    })
    t.strictSame(
      broken.map(([link]) => link),
      [],
      page
    )
    const named = [...text(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!)
    t.strictSame(
      named.filter((name) => !(name in manifest.scripts) && name !== 'test:rigs'),
      [],
      page
    )
  }
})
