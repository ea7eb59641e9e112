import crypto, { generateKeyPairSync } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { TestApp } from '../fixtures/app.ts'

/** Calls of the real functions since the last `take()`. */
const count = { signatures: 0, checks: 0, macs: 0 }
const { createHmac, createSign, createVerify, sign, verify } = crypto

function counting<Args extends unknown[], Result>(name: keyof typeof count, real: (...args: Args) => Result) {
  return (...args: Args): Result => {
    count[name]++
    return real(...args)
  }
}

Object.assign(crypto, {
  sign: counting('signatures', sign),
  createSign: counting('signatures', createSign),
  verify: counting('checks', verify),
  createVerify: counting('checks', createVerify),
  /** An HMAC of a JWT counts as a signature, and that of a refresh token as a mac. */
  createHmac(...args: Parameters<typeof createHmac>) {
    const hmac = createHmac(...args)
    const update = hmac.update.bind(hmac) as (data: unknown) => typeof hmac
    return Object.assign(hmac, {
      update(data: unknown) {
        count[String(data).startsWith('eyJ') ? 'signatures' : 'macs']++
        return update(data)
      }
    })
  }
})
syncBuiltinESMExports()
// Not before: the library that signs takes its functions when it is loaded.
const { createApp, createClock } = await import('../fixtures/app.ts')
const { memoryStore } = await import('../../plugin/stores/memory.ts')

function take(): typeof count {
  const taken = { ...count }
  Object.assign(count, { signatures: 0, checks: 0, macs: 0 })
  return taken
}

/** What a client presents: the refresh token, or by cookie the header. */
interface Presented {
  readonly refresh: string
  readonly cookie: string | null
}

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ed25519 = generateKeyPairSync('ed25519').privateKey
const keys = {
  HS256: undefined,
  HS384: crypto.createSecretKey(crypto.randomBytes(48)),
  HS512: crypto.createSecretKey(crypto.randomBytes(64)),
  ES256: ec('P-256'),
  ES384: ec('P-384'),
  ES512: ec('P-521'),
  RS256: rsa,
  PS256: rsa,
  EdDSA: ed25519,
  Ed25519: ed25519
} as const

const claims = { roles: ['user'] }
const withClaims = {
  accessToken: { claims: Type.Object({ roles: Type.Array(Type.String()) }) },
  refreshToken: { claims: async () => ({ claims }) }
}

for (const [alg, key] of Object.entries(keys)) {
  t.test(`signIn() and refresh() make one signature each, and no mac twice, with ${alg}`, async (t) => {
    const keyed = key === undefined ? {} : { keys: [{ key, alg: alg as 'HS256' }] }
    for (const options of [keyed, { ...keyed, ...withClaims }]) {
      const clock = createClock()
      const store = memoryStore({ clock })
      const plugin = { store, clock, ...options }
      const [server, other] = [await createApp({ plugin }), await createApp({ plugin })]
      for (const transport of ['bearer', 'cookie'] as const) {
        const what = `${transport}, ${Object.keys(options).join()}`
        take()
        const signedIn = await server.signIn(transport, { claims })
        t.strictSame(take(), { signatures: 1, checks: 0, macs: 2 }, `sign-in: both halves of a new mac, ${what}`)

        clock.advance(60)
        const first = await refreshed(server, transport === 'bearer' ? { ...signedIn, cookie: null } : signedIn)
        t.strictSame(take(), { signatures: 1, checks: 0, macs: 4 }, `refresh: both halves of both macs, ${what}`)

        clock.advance(60)
        const second = await refreshed(other, first)
        t.strictSame(take(), { signatures: 1, checks: 0, macs: 4 }, `refresh of a token from elsewhere, ${what}`)

        await refreshed(other, first)
        t.strictSame(take(), { signatures: 1, checks: 0, macs: 4 }, `the same again within retrySeconds, ${what}`)

        clock.advance(60)
        await refreshed(server, second)
        t.strictSame(take(), { signatures: 1, checks: 0, macs: 4 }, `refresh of a session known here, ${what}`)
      }
    }

    async function refreshed({ app }: TestApp, { refresh, cookie }: Presented): Promise<Presented> {
      const input = cookie === null ? { payload: { refresh_token: refresh } } : { headers: { cookie } }
      const response = await app.inject({ method: 'POST', url: '/refresh', ...input })
      t.equal(response.statusCode, 200, response.body)
      const set = response.cookies.map(({ name, value }) => `${name}=${value}`)
      return cookie === null
        ? { refresh: response.json().refresh_token, cookie }
        : { refresh: '', cookie: set.join('; ') }
    }
  })
}
