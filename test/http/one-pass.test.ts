import crypto, { generateKeyPairSync } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { FastifyRequest } from 'fastify'
import t from 'tap'

const count = { checks: 0 }
const { verify } = crypto
Object.assign(crypto, {
  verify: (...input: Parameters<typeof verify>) => {
    count.checks++
    return verify(...input)
  }
})
syncBuiltinESMExports()
// Not before: the library that signs takes its function when it is loaded.
const { createApp } = await import('../fixtures/app.ts')
const { memoryStore } = await import('../../plugin/stores/memory.ts')

const key = generateKeyPairSync('ed25519').privateKey

/** Counts what `act` does, and how often it does it with this token. */
async function counted(act: () => Promise<unknown>, token = '') {
  const tail = token.slice(-12)
  const segments = token.split('.').map((segment) => Buffer.from(segment, 'base64url').toString())
  const { get } = Map.prototype
  const { parse } = JSON
  const maps: unknown[] = []
  const parsed: number[] = []
  Object.assign(Map.prototype, {
    get(this: Map<unknown, unknown>, entry: unknown) {
      if (entry === tail) maps.push(this)
      return get.call(this, entry)
    }
  })
  JSON.parse = (text: string, ...rest: []) => {
    const segment = segments.indexOf(text)
    if (segment >= 0 && /[/\\]plugin[/\\]tokens[/\\]/.test(new Error().stack!.split('\n')[2]!)) parsed.push(segment)
    return parse(text, ...rest)
  }
  count.checks = 0
  try {
    await act()
  } finally {
    Object.assign(Map.prototype, { get })
    JSON.parse = parse
  }
  return { ...count, maps, parsed }
}

async function createServer(options: object = {}) {
  let headerReads = 0
  const server = await createApp({
    plugin: { keys: [{ key }], ...options },
    before(app) {
      app.addHook('onRequest', async ({ raw: { headers } }: FastifyRequest) => {
        for (const name of ['authorization', 'cookie'] as const) {
          const value = headers[name]
          if (value === undefined) continue
          Object.defineProperty(headers, name, {
            get: () => {
              headerReads++
              return value
            }
          })
        }
      })
    }
  })
  return {
    ...server,
    headerReads: () => {
      const reads = headerReads
      headerReads = 0
      return reads
    }
  }
}

const source = { header: (token: string) => ({ authorization: `Bearer ${token}` }), cookie: cookieOf }

function cookieOf(token: string): Record<string, string> {
  return { cookie: `__Host-access=${token}` }
}

for (const [kind, headersOf] of Object.entries(source)) {
  t.test(`an unseen token in the ${kind} is read, looked up, parsed and checked once`, async (t) => {
    const { app, headerReads, ...server } = await createServer()
    const store = memoryStore({ clock: server.clock })
    const other = await createApp({ plugin: { keys: [{ key }], store, clock: server.clock } })
    const { access } = await other.signIn('bearer')
    const request = async () => {
      t.equal((await app.inject({ url: '/me', headers: headersOf(access) })).statusCode, 200)
    }

    const first = await counted(request, access)
    // Authorization is looked for before the cookie is read, which is not there and is not counted.
    t.equal(headerReads(), 1, 'header reads')
    t.equal(first.maps.length, new Set(first.maps).size, 'each half of the cache is asked once')
    t.ok(first.maps.length > 0)
    t.strictSame(first.parsed, [0, 1], 'header and payload are parsed once each')
    t.equal(first.checks, 1, 'signature checks')

    const again = await counted(request, access)
    t.equal(headerReads(), 1, 'header reads of a seen token')
    t.equal(again.maps.length, 1, 'the cache knows it')
    t.strictSame([again.parsed, again.checks], [[], 0])
  })
}

t.test('the access cookie that is chosen among several is checked for the choice only, once it was seen', async (t) => {
  const { app, ...server } = await createServer()
  const { access } = await server.signIn('bearer')
  const headers = { cookie: `__Host-access=x; __Host-access=${access}` }
  const request = async () => t.equal((await app.inject({ url: '/me', headers })).statusCode, 200)
  await request()
  t.equal((await counted(request)).checks, 1)
})

t.test('a token that the cache knows and the route refuses is looked up once, and not checked again', async (t) => {
  const { app, headerReads, ...server } = await createServer()
  const { access, sessionId } = await server.signIn('bearer')
  await app.inject({ url: '/me', headers: source.header(access) })
  await app.sessions.revoke(sessionId)
  headerReads()
  const { maps, parsed, checks } = await counted(async () => {
    t.equal((await app.inject({ url: '/me', headers: source.header(access) })).json().code, 'AUTH_REVOKED_TOKEN')
  }, access)
  t.strictSame([headerReads(), maps.length, parsed, checks], [1, 1, [], 0])
})
