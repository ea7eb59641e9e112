import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { createInjected } from '../../fixtures/example-server.ts'

const files = readdirSync('example-server/page', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'tsconfig.json')
  .map(({ parentPath, name }) => `${parentPath.replaceAll('\\', '/').replace('example-server', '')}/${name}`)

const isModule = (file: string) => file.endsWith('.js')

t.test('the page has the same content security policy as all other routes, and no inline code', async (t) => {
  const { app } = await createInjected(t)
  const policy = (await app.inject('/health/live')).headers['content-security-policy']
  t.match(policy, /^default-src 'none';script-src 'self';style-src 'self';/)
  const page = await app.inject('/')
  t.match(page.headers, {
    'content-type': /^text\/html/,
    'cache-control': 'no-cache',
    'content-security-policy': policy
  })
  t.notMatch(page.body, /<script>|<style>| style=| on\w+=/)
  const linked = [...page.body.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => path!)
  t.ok(linked.length > 0 && files.length > linked.length, `${linked.length} linked, ${files.length} files`)
  for (const path of linked) t.equal((await app.inject(path)).statusCode, 200, path)
  for (const file of files.filter((file) => !file.endsWith('other-site.html'))) {
    const { statusCode, headers } = await app.inject(file)
    t.equal(statusCode, 200, file)
    t.match(headers, { 'content-security-policy': policy, 'x-content-type-options': 'nosniff' }, file)
  }
  for (const path of ['/page/../app.ts', '/page/%2e%2e/app.ts', '/app.ts', '/page/tsconfig.json']) {
    t.equal((await app.inject(path)).statusCode, 404, path)
  }
})

t.test('/client/ serves the modules of the client as they are in the repository, and nothing else', async (t) => {
  const { app } = await createInjected(t)
  const policy = (await app.inject('/')).headers['content-security-policy']
  const [modules, others] = [readdirSync('client').filter(isModule), readdirSync('client').filter((f) => !isModule(f))]
  t.ok(modules.includes('index.js') && others.includes('tsconfig.json'))
  for (const file of modules) {
    const { body, headers } = await app.inject(`/client/${file}`)
    t.equal(body, readFileSync(`client/${file}`, 'utf8'), file)
    t.match(headers, {
      'content-type': /^text\/javascript|^application\/javascript/,
      'cache-control': 'no-cache',
      'content-security-policy': policy
    })
    const again = await app.inject({ url: `/client/${file}`, headers: { 'if-none-match': String(headers.etag) } })
    t.strictSame([again.statusCode, again.body], [304, ''], `${file} is sent again only if it has changed`)
  }
  for (const path of [...others, '', '../package.json', '%2e%2e/plugin/index.ts', 'index.ts']) {
    t.equal((await app.inject(`/client/${path}`)).statusCode, 404, path)
  }
  t.match(readFileSync('example-server/Dockerfile', 'utf8'), /^COPY client \.\/client$/m, 'the image contains them too')
  t.match(readFileSync('example-server/Dockerfile.dockerignore', 'utf8'), /^!client$/m)
})

t.test('the page names all of its modules, so that the browser loads them at the same time', async (t) => {
  const { app } = await createInjected(t)
  const page = (await app.inject('/')).body
  const preloaded = [...page.matchAll(/<link rel="modulepreload" href="([^"]+)">/g)].map(([, path]) => path!)
  const entry = /<script type="module" src="([^"]+)">/.exec(page)![1]!
  const imported = new Set([entry])
  for (const path of imported) {
    const source = (await app.inject(path)).body
    for (const [, specifier] of source.matchAll(/\bfrom '(\.[^']+)'/g)) {
      imported.add(new URL(specifier!, `http://localhost${path}`).pathname)
    }
  }
  t.strictSame(preloaded.sort(), [...imported].filter((path) => path !== entry).sort())
})

t.test('the other site of a lesson has an opaque origin, and can be framed by our page only', async (t) => {
  const { app } = await createInjected(t)
  const { headers } = await app.inject('/page/lessons/other-site.html')
  t.equal(
    headers['content-security-policy'],
    "sandbox allow-forms allow-scripts; default-src 'none'; script-src 'self'; form-action 'self'; " +
      "frame-ancestors 'self'"
  )
  t.equal((await app.inject('/page/lessons/other-site.js')).headers['cross-origin-resource-policy'], 'cross-origin')
})
