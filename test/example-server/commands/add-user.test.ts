import t from 'tap'
import { addUser } from '../../../example-server/commands/add-user.ts'
import { bearer, login, production } from '../../fixtures/example-client.ts'
import { createInjected, runProgram } from '../../fixtures/example-server.ts'

t.test('user:add adds users with a random password, and rejects wrong arguments', async (t) => {
  const env = { DATA_DIR: t.testdir(), NODE_ENV: 'production' }
  const { output, exitCode } = runProgram(t, { entry: 'commands/add-user.ts', env, args: ['root', '--role', 'admin'] })
  t.equal(await exitCode(), 0)
  const [, given = ''] = /^added root with the role admin, password (\S{20})$/.exec(output.text.trim()) ?? []
  const { app } = await createInjected(t, { env: { ...production, ...env } })
  const signedIn = await login(app, { username: 'root', given })
  t.equal(signedIn.statusCode, 200)
  t.equal((await app.inject({ url: '/admin/users', headers: bearer(signedIn.json()) })).statusCode, 200)
  t.match(await addUser(['bob'], env), /^added bob, password \S{20}$/)
  const wrong: [string[], string | RegExp][] = [
    [['ROOT'], 'the username ROOT is taken'],
    [['carol', '--role', 'king'], 'the role must be one of admin: received "king"'],
    [['b b'], /^the username must be 2 to 32 letters, digits, .*: received "b b"$/],
    [[], 'Usage: npm run user:add -- NAME [--role admin]'],
    [['carol', 'password'], 'Usage: npm run user:add -- NAME [--role admin]'],
    [['carol', '--admin'], /Unknown option '--admin'/]
  ]
  for (const [args, message] of wrong) await t.rejects(addUser(args, env), { message }, args.join(' '))
  await t.rejects(addUser(['carol'], { ...env, NODE_ENV: 'live' }), {
    message: /^Cannot start: NODE_ENV must be one of/
  })
})
