import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'

const root = join(import.meta.dirname, '../..')

t.test('the example server loads only what its environment needs, and signs nothing before it listens', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'modules.json')
  const preload = pathToFileURL(join(root, 'test/fixtures/loaded-modules.ts')).href
  const env = {
    ...process.env,
    NODE_ENV: '',
    LOADED_MODULES: file,
    DATA_DIR: folder,
    PORT: '0',
    DATABASE_URL: '',
    REDIS_URL: '',
    LOG_LEVEL: 'warn'
  }
  const child = spawn(process.execPath, [...process.execArgv, '--import', preload, 'example-server/server.ts'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  let output = ''
  for await (const bytes of child.stdout) {
    output += bytes
    if (/^listening on /m.test(output)) child.kill()
  }
  await exited
  const modules = (JSON.parse(readFileSync(file, 'utf8')) as string[]).map((module) => module.replaceAll('\\', '/'))
  const loads = (part: string) => modules.some((module) => module.includes(part))

  for (const part of [
    '/example-server/database/sqlite/open.ts',
    '/node_modules/@fastify/swagger/',
    '/plugin/index.ts'
  ]) {
    t.equal(loads(part), true, `${part}: loaded modules are recorded`)
  }
  const unused = {
    'PostgreSQL, without DATABASE_URL': ['/node_modules/pg/', '/plugin/stores/postgres', '/database/postgres/'],
    'Redis, without REDIS_URL': ['/node_modules/ioredis/', '/plugin/stores/redis', '/database/redis.ts'],
    'mail, without SMTP_URL': ['/node_modules/nodemailer/', '/mail/smtp-mailer.ts'],
    'passkeys, before the first ceremony': ['/node_modules/@simplewebauthn/'],
    'the readable log, without a terminal': ['/node_modules/pino-pretty/'],
    'common passwords, before the first registration': ['/node_modules/@zxcvbn-ts/'],
    'what signs tokens, before the first sign-in': ['/node_modules/@fastify/jwt/', '/node_modules/fast-jwt/'],
    'the memory store, beside another': ['/plugin/stores/memory'],
    'trusted issuers, without the option': ['/plugin/tokens/trusted-issuer.ts', '/plugin/tokens/issuer-lookup.ts'],
    'other entries of the plugin': [
      '/plugin/testing',
      '/plugin/mcp',
      '/plugin/stores/contract',
      '/plugin/stores/sharded'
    ]
  }
  for (const [what, parts] of Object.entries(unused)) t.strictSame(parts.filter(loads), [], what)
})
