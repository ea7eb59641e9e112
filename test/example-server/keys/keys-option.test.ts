import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { rotateKeys } from '../../../example-server/keys/key-file.ts'
import { bearer, login, overTls, password, production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
const [older, newer] = ['0123456789abcdefghijklmnopqrstuv', 'vutsrqponmlkjihgfedcba9876543210']

type Server = Pick<Awaited<ReturnType<typeof createInjected>>, 'database' | 'passwords'>

async function addAlice({ database, passwords }: Server): Promise<void> {
  await database.users.add({ name: 'alice', passwordHash: await passwords.hash(password) })
}

t.test('a production server signs with its secret, with keys in a variable, or with keys in a folder', async (t) => {
  const directory = t.testdir()
  const keysDir = join(directory, 'keys')
  await rotateKeys(keysDir)
  const rows: [Record<string, string>, string, number][] = [
    [{}, 'HS256', 404],
    [{ AUTH_KEYS: String(pem) }, 'ES256', 200],
    [{ AUTH_KEYS_DIR: keysDir }, 'EdDSA', 200]
  ]
  for (const [env, alg, status] of rows) {
    const DATA_DIR = join(directory, alg)
    const { app, ...server } = await createInjected(t, { env: { ...production, ...env, DATA_DIR } })
    await addAlice(server)
    const { access_token: token } = (await login(app, { username: 'alice' })).json()
    t.equal(decodeProtectedHeader(token).alg, alg)
    t.equal((await app.inject({ url: '/me', headers: bearer({ access_token: token }) })).statusCode, 200, alg)
    t.equal((await app.inject('/.well-known/jwks.json')).statusCode, status, alg)
  }
})

t.test('AUTH_SECRET is replaced in two steps, and nobody is signed out', async (t) => {
  const DATA_DIR = join(t.testdir(), 'data')
  const start = async (AUTH_SECRET: string) =>
    await createInjected(t, { env: { ...production, DATA_DIR, AUTH_SECRET } })
  const refresh = async ({ app }: Awaited<ReturnType<typeof start>>, token: string) =>
    await app.inject({ method: 'POST', url: '/auth/refresh', headers: overTls, payload: { refresh_token: token } })

  const before = await start(older)
  await addAlice(before)
  const first = (await login(before.app, { username: 'alice' })).json()
  const both = await start(`${newer},${older}`)
  t.equal((await both.app.inject({ url: '/me', headers: bearer(first) })).statusCode, 200)
  const second = (await refresh(both, first.refresh_token)).json()
  const after = await start(newer)
  t.equal((await refresh(after, second.refresh_token)).statusCode, 200)
  t.equal((await refresh(after, first.refresh_token)).statusCode, 401, 'a token of the old secret')
})
