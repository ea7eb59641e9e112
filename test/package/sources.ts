import { readFileSync } from 'node:fs'

const manifest = new URL('../../package.json', import.meta.url)
const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports: Record<string, unknown> }

/** What users import: `fastify-authenticate`, `fastify-authenticate/stores/redis`, and so on. */
export const entries = Object.keys(exports)
  .filter((name) => name !== './package.json')
  .map((name) => name.replace('.', 'fastify-authenticate'))

const options = `{ issuer: 'https://api.example.com', secret: 'a secret of the rigs, of 32 bytes or more' }`

const requests = `
  const app = fastify()
  app.register(authenticate, ${options})
  app.get('/me', { config: { auth: { scopes: ['notes:read'] } } }, async (request) => ({ sub: request.user.sub }))
  await app.ready()
  const token = await app.accessTokens.sign({ sub: 'alice', scope: 'notes:read' })
  const response = await app.inject({ url: '/me', headers: { authorization: 'Bearer ' + token } })
  const { code } = (await app.inject('/me')).json()
  await app.close()`

/** What each of these programs prints. */
export const outcome = '{"sub":"alice"} AUTH_NO_CREDENTIALS'

const print = "console.log(response.body + ' ' + code)"

/** JavaScript that requires the plugin. */
export const requiring = `
const fastify = require('fastify')
const authenticate = require('fastify-authenticate')
async function main() {${requests}
  ${print}
}
main()`

/** An ES module that imports the plugin. */
export const importingJs = `
import fastify from 'fastify'
import authenticate from 'fastify-authenticate'
${requests}
${print}`

/** JavaScript that prints the entries of which `require()` does not return what `import()` does. */
export const comparing = `
async function main() {
  const different = []
  for (const entry of ${JSON.stringify(entries)}) {
    const required = require(entry)
    const imported = Object.entries(await import(entry))
    if (imported.length === 0 || imported.some(([name, value]) => required[name] !== value)) different.push(entry)
  }
  console.log(JSON.stringify(different))
}
main()`

const typed = `
type IsAny<T> = 0 extends 1 & T ? true : false
${entries.map((entry, index) => `import * as entry${index} from '${entry}'`).join('\n')}
${entries.map((_, index) => `export const isAny${index}: IsAny<typeof entry${index}> = false`).join('\n')}
export const jwk: JsonWebKey = { kty: 'OKP', kid: 'one' }
export const given: AuthenticateOptions = ${options}
export function wrong(app: FastifyInstance) {
  // @ts-expect-error: not a need
  app.get('/typo', { config: { auth: { scope: ['notes:read'] } } }, async () => null)
}
`

/** TypeScript that imports every entry, and uses the types that the plugin adds to Fastify's. */
export const importing = `
import fastify, { type FastifyInstance } from 'fastify'
import authenticate, { type AuthenticateOptions, type JsonWebKey } from 'fastify-authenticate'
${typed}
async function main() {${requests}
  ${print}
}
main()`

/** TypeScript in CommonJS that imports the plugin at run time. */
export const importingLater = `
import fastify from 'fastify'
async function main() {
  const { default: authenticate } = await import('fastify-authenticate')${requests}
  ${print}
}
main()`

/** A test of jest. */
export const jestTest = `
import fastify from 'fastify'
import authenticate from 'fastify-authenticate'
test('a route that is protected', async () => {${requests}
  expect(response.json()).toEqual({ sub: 'alice' })
  expect(code).toBe('AUTH_NO_CREDENTIALS')
})`
