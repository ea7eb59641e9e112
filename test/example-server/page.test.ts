import { readdirSync } from 'node:fs'
import t from 'tap'
import { createInjected } from '../fixtures/example-server.ts'

const files = readdirSync('example-server/page', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => `${parentPath.replaceAll('\\', '/').replace('example-server', '')}/${name}`)

t.test('the page is served under the same policy as everything else, and has nothing inline', async (t) => {
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
  for (const path of ['/page/../app.ts', '/page/%2e%2e/app.ts', '/app.ts']) {
    t.equal((await app.inject(path)).statusCode, 404, path)
  }
})

t.test("the other site of the workshop has an origin that is nobody's, and fits into no frame but ours", async (t) => {
  const { app } = await createInjected(t)
  const { headers } = await app.inject('/page/workshop/other-site.html')
  t.equal(
    headers['content-security-policy'],
    "sandbox allow-forms allow-scripts; default-src 'none'; script-src 'self'; form-action 'self'; frame-ancestors 'self'"
  )
  t.equal((await app.inject('/page/workshop/other-site.js')).headers['cross-origin-resource-policy'], 'cross-origin')
})

t.test('a form of another site is refused at sign-in before its body is read', async (t) => {
  const { app } = await createInjected(t)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const post = async (headers: Record<string, string>) =>
      await app.inject({
        method: 'POST',
        url: '/auth/login',
        headers: { 'content-type': type, ...headers },
        payload: '{"username":"mallory","transport":"cookie","=":0}'
      })
    for (const headers of [{ origin: 'null', 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      const answer = await post(headers)
      t.strictSame([answer.statusCode, answer.json().code, answer.cookies], [403, 'AUTH_CROSS_SITE', []], type)
    }
    t.match((await post({})).statusCode, /^4(00|15)$/, `${type} of no browser is told what is wrong with it`)
  }
})
