import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { help, users } from '../../../example-server/commands/users.ts'
import { bearer, login, overTls, production, summaryOf, type Tokens } from '../../fixtures/example-client.ts'
import { createInjected, runProgram } from '../../fixtures/example-server.ts'
import { skipWithoutRedis, startRedis } from '../../fixtures/redis-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

const passwordIn = (lines: readonly string[]) => /password (\S{20})$/.exec(lines.at(-1)!)![1]!

async function refresh(app: FastifyInstance, { refresh_token: token }: Tokens) {
  return summaryOf(
    await app.inject({ method: 'POST', url: '/auth/refresh', headers: overTls, payload: { refresh_token: token } })
  )
}

/** The list of revocations is read every second. */
async function untilRefused(app: FastifyInstance, tokens: Tokens): Promise<void> {
  while ((await app.inject({ url: '/me', headers: bearer(tokens) })).statusCode !== 401) await setTimeout(10)
}

t.test('npm run users administers the users of a running server', async (t) => {
  const env = { ...production, DATA_DIR: t.testdir() }
  const { output, exitCode } = runProgram(t, {
    entry: 'commands/users.ts',
    env,
    args: ['add', 'root', '--role', 'admin']
  })
  t.equal(await exitCode(), 0)
  t.match(output.text, /^added root with the role admin, password \S{20}\n$/)
  const { app } = await createInjected(t, { env })
  const signIn = async (given: string) => await login(app, { username: 'bob', given })
  const failed = [401, 'LOGIN_FAILED']
  const rooted = (await login(app, { username: 'root', given: passwordIn([output.text.trim()]) })).json() as Tokens
  const listed = async () => (await app.inject({ url: '/admin/users', headers: bearer(rooted) })).json()

  const first = passwordIn(await users(['add', 'bob'], env))
  const [phone, laptop] = [(await signIn(first)).json(), (await signIn(first)).json()] as [Tokens, Tokens]
  t.strictSame(await users(['list'], env), ['bob', 'root with the role admin'])
  const shown = await users(['show', 'BOB'], env)
  t.match(shown, [
    'bob',
    'no verified address',
    /^id [\da-f-]{36}, created .*, scope notes:read notes:write$/,
    '2 sessions open'
  ])
  t.match(shown.slice(4), [/^ {2}\S+, last used .*Z, "lightMyRequest"$/, /^ {2}\S+, last used /])

  t.strictSame(await users(['disable', 'bob'], env), ['disabled bob, and ended 2 sessions'])
  await untilRefused(app, phone)
  await untilRefused(app, laptop)
  t.strictSame(await refresh(app, phone), [401, 'AUTH_REFRESH_INVALID'])
  t.strictSame(summaryOf(await signIn(first)), failed, 'the password is right')
  t.match(await users(['list'], env), [/^bob, disabled since \d{4}-.*Z$/, 'root with the role admin'])
  t.match(await listed(), [
    { username: 'bob', disabled: true },
    { username: 'root', disabled: false }
  ])
  t.strictSame(await users(['enable', 'bob'], env), ['enabled bob'])
  t.equal((await signIn(first)).statusCode, 200)

  const reset = await users(['reset-password', 'bob'], env)
  t.equal(reset[0], 'reset the password of bob, and ended 1 session')
  t.strictSame(summaryOf(await signIn(first)), failed)
  const second = passwordIn(reset)
  const tokens = (await signIn(second)).json() as Tokens

  t.strictSame(await users(['role', 'bob', 'admin'], env), ['gave the role admin to bob, and ended 0 sessions'])
  const refreshed = await app.inject({
    method: 'POST',
    url: '/auth/refresh',
    headers: overTls,
    payload: { refresh_token: tokens.refresh_token }
  })
  t.equal(refreshed.json().scope, 'notes:read notes:write users:read users:write', 'at the next refresh')
  t.match(await users(['show', 'bob'], env), ['bob with the role admin', /address$/, /^id/, '1 session open'])
  t.strictSame(await users(['role', 'bob', 'none'], env), ['removed the role of bob, and ended 1 session'])
  await untilRefused(app, tokens)

  const beforeAddress = (await signIn(second)).json() as Tokens
  t.strictSame(await users(['email', 'bob', 'bob@example.com'], env), [
    'gave the address bob@example.com to bob, and ended 1 session'
  ])
  await untilRefused(app, beforeAddress)
  t.equal((await login(app, { username: 'BOB@example.com', given: second })).statusCode, 200)
  await t.rejects(users(['email', 'root', 'Bob@Example.com'], env), {
    message: 'the address Bob@Example.com belongs to another user'
  })
  t.match(await users(['show', 'bob'], env), ['bob', 'address bob@example.com'])
  t.strictSame(await users(['email', 'bob', 'none'], env), ['removed the address of bob, and ended 1 session'])
  t.match(await users(['show', 'bob'], env), ['bob', 'no verified address'])
  t.equal((await login(app, { username: 'bob@example.com', given: second })).statusCode, 401)

  const last = (await signIn(second)).json() as Tokens
  t.equal(
    (await app.inject({ method: 'POST', url: '/notes', headers: bearer(last), payload: { text: 'a' } })).statusCode,
    201
  )
  t.strictSame(await users(['delete', 'bob'], env), ['deleted bob, and ended 1 session'])
  await untilRefused(app, last)
  t.strictSame(summaryOf(await signIn(second)), failed)
  t.strictSame(await users(['list'], env), ['root with the role admin'])
})

t.test('npm run users prints its help, and names what is wrong with the arguments', async (t) => {
  const env = { DATA_DIR: t.testdir() }
  for (const args of [[], ['--help'], ['-h'], ['disable', '--help']]) t.strictSame(await users(args, env), help)
  await users(['add', 'root', '--role', 'admin'], env)
  const rows: [string[], string | RegExp][] = [
    [['add', 'ROOT'], 'the username ROOT is taken'],
    [['add', 'carol', '--role', 'king'], 'the role must be one of admin: received "king"'],
    [['add', 'b b'], /^the username must be 2 to 32 letters, digits, .*: received "b b"$/],
    [['add'], 'expected: add NAME [--role admin]'],
    [['add', 'carol', 'password'], 'expected: add NAME [--role admin]'],
    [['add', 'carol', '--admin'], /Unknown option '--admin'/],
    [['list', 'root'], 'expected: list'],
    [['show', 'root', '--role', 'admin'], 'expected: show NAME'],
    [['role', 'root'], 'expected: role NAME admin|none'],
    [['role', 'root', 'king'], 'the role must be one of admin, none: received "king"'],
    [['email', 'root'], 'expected: email NAME ADDRESS|none'],
    [['email', 'root', 'root'], 'the address must be an e-mail address or none: received "root"'],
    [['remove', 'root'], 'unknown command remove: see --help'],
    ...['show', 'disable', 'enable', 'reset-password', 'delete'].map((command): [string[], string] => [
      [command, 'nobody'],
      'there is no user nobody'
    ])
  ]
  for (const [args, message] of rows) await t.rejects(users(args, env), { message }, args.join(' '))
  await t.rejects(users(['list'], { ...env, NODE_ENV: 'live' }), { message: /^NODE_ENV must be one of/ })
  await t.rejects(users(['list'], { ...env, NODE_ENV: 'production' }), {
    message: 'AUTH_ISSUER is required in production'
  })
  t.strictSame(await users(['list'], env), ['root with the role admin'], 'nothing has changed')
})

t.test(
  'npm run users ends with one line if a database cannot be used, also while Redis runs',
  skipWithoutRedis,
  async (t) => {
    const redis = await startRedis()
    t.teardown(redis.stop)
    const DATA_DIR = t.testdir({ 'example.db': 'This is not a database, but a text that is long enough.' })
    const env = { ...production, DATA_DIR, REDIS_URL: `unix://${redis.path}` }
    const { exitCode, output } = runProgram(t, { entry: 'commands/users.ts', env, args: ['list'] })
    t.equal(await exitCode(), 1)
    t.equal(
      output.text,
      `Cannot administer the users: cannot use the database ${DATA_DIR}/example.db: file is not a database\n`
    )
  }
)

t.test('npm run users says why a database is unavailable', async (t) => {
  const DATABASE_URL = 'postgres://example@127.0.0.1:1/example'
  const env = { ...production, DATA_DIR: t.testdir(), DATABASE_URL }
  const { exitCode, output } = runProgram(t, { entry: 'commands/users.ts', env, args: ['list'] })
  t.equal(await exitCode(), 1)
  t.match(output.text, /^Cannot administer the users: The database is unavailable: .* \(.*ECONNREFUSED.*\)\n$/)
})
