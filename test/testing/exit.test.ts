import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const fileUrl = (path: string) => pathToFileURL(join(import.meta.dirname, '../..', path)).href
const imports = `
import fastify from 'fastify'
import authenticate from '${fileUrl('plugin/index.ts')}'
import { createTestAuth } from '${fileUrl('plugin/testing.ts')}'
const auth = createTestAuth()
const idp = auth.issuer('https://login.example.com')
process.on('exit', () => console.log(process.getActiveResourcesInfo().filter((name) => !/TTY|Pipe/.test(name)).join()))
`
const use = `
const app = fastify()
app.get('/', async () => 'open')
const trustedIssuers = [idp.trust({ audience: 'api' })]
await app.register(authenticate, { issuer: 'https://api.example.com', trustedIssuers, ...auth.options })
app.get('/me', { config: { auth: { issuers: ['trusted', 'https://api.example.com'] } } }, async ({ user }) => user.sub)
const call = async (headers) => (await app.inject({ url: '/me', headers })).body
const authorization = 'Bearer ' + (await idp.token({ sub: 'bob' }))
console.log(await call(await auth.as('alice')), await call({ authorization }))
auth.clock.advance(3600)
await auth.spoiltToken('otherKey')
console.log(await auth.signOut('alice'))
`

const programs: Record<string, [source: string, printed: string]> = {
  'creates a kit and never registers it': [`await idp.token()`, ''],
  'uses a kit, and closes the application': [`${use}\nawait app.close()`, 'alice bob\n1\n'],
  'uses a kit, and does not close the application': [use, 'alice bob\n1\n']
}

t.test('a process ends by itself that', async (t) => {
  const sources = Object.values(programs).map(([source], index) => [`program-${index}.ts`, `${imports}${source}`])
  const folder = t.testdir(Object.fromEntries(sources))
  await Promise.all(
    Object.entries(programs).map(async ([name, [, printed]], index) => {
      const args = [...process.execArgv, join(folder, `program-${index}.ts`)]
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
      t.equal(stdout, `${printed}\n`, name)
    })
  )
})
