// Runs the commands of docs/keys.md; `npm run keys:rotate` has its own test.
import { execFile, execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { createApp } from '../fixtures/app.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { skipWithoutOpenssl } from '../fixtures/openssl.ts'
import { python, skipWithoutPyJwt } from '../fixtures/pyjwt.ts'

t.setTimeout(600_000)

const run = promisify(execFile)
const address = 'https://api.example.com/.well-known/jwks.json'

const block = (name: string) => namedBlock('docs/keys.md', name)

/** Starts an application that publishes its keys, and signs a token with its EdDSA key. */
async function serve(t: Test) {
  const { app } = await createApp({
    plugin: { clock: Date.now, keys: [{ key: generateKeyPairSync('ed25519').privateKey }] }
  })
  t.teardown(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const withUrl = (code: string) => code.replaceAll(address, `${url}/.well-known/jwks.json`)
  return { withUrl, token: await app.accessTokens.sign({ sub: 'machine' }) }
}

t.test('each openssl command of docs/keys.md makes a key that signs', skipWithoutOpenssl, async (t) => {
  const folder = t.testdir()
  const commands = block('openssl').trim().split('\n')
  const protect = commands.pop()!
  t.equal(protect, 'chmod 600 key.pem')
  t.equal(commands.length, 3)
  for (const command of commands) {
    execFileSync('sh', ['-ec', `${command}\n${protect}`], { cwd: folder, stdio: 'ignore' })
    const { app } = await createApp({ plugin: { keys: [{ key: readFileSync(join(folder, 'key.pem'), 'utf8') }] } })
    t.match(await app.accessTokens.verify(await app.accessTokens.sign({ sub: 'machine' })), { sub: 'machine' }, command)
  }
})

t.test('the service in TypeScript of docs/keys.md verifies a token of ours', async (t) => {
  const { withUrl, token } = await serve(t)
  const file = join(t.testdir(), 'service.ts')
  const verify = async (token: string) => {
    writeFileSync(file, `const token = '${token}'\n${withUrl(block('service'))}`)
    await run(process.execPath, [...process.execArgv, file])
  }
  await t.resolves(verify(token))
  await t.rejects(verify(token.replace(/.{9}$/, 'AAAAAAAAA')), { message: /ERR_JWS_SIGNATURE_VERIFICATION_FAILED/ })
})

t.test('the service in Python of docs/keys.md verifies a token of ours', skipWithoutPyJwt, async (t) => {
  const { withUrl, token } = await serve(t)
  const verify = (token: string) =>
    run(python!, ['-c', `token = "${token}"\n${withUrl(block('python service'))}\nprint(claims["sub"])`])
  t.equal((await verify(token)).stdout, 'machine\n')
  await t.rejects(verify(token.replace(/.{9}$/, 'AAAAAAAAA')), { message: /InvalidSignatureError/ })
})
