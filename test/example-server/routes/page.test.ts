import { readdirSync } from 'node:fs'
import t from 'tap'
import { createInjected } from '../../fixtures/example-server.ts'

const files = readdirSync('example-server/page', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'tsconfig.json')
  .map(({ parentPath, name }) => `${parentPath.replaceAll('\\', '/').replace('example-server', '')}/${name}`)

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

t.test("the workshop's other site has an opaque origin, and can be framed by our page only", async (t) => {
  const { app } = await createInjected(t)
  const { headers } = await app.inject('/page/workshop/other-site.html')
  t.equal(
    headers['content-security-policy'],
    "sandbox allow-forms allow-scripts; default-src 'none'; script-src 'self'; form-action 'self'; " +
      "frame-ancestors 'self'"
  )
  t.equal((await app.inject('/page/workshop/other-site.js')).headers['cross-origin-resource-policy'], 'cross-origin')
})
