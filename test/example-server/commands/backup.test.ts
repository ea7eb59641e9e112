import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { backup } from '../../../example-server/commands/backup.ts'
import { bearer, password, type Tokens } from '../../fixtures/example-client.ts'
import { createInjected, runProgram, startServer } from '../../fixtures/example-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

t.test(
  'npm run backup saves a running database; the copy, put into DATA_DIR, is a server of that moment',
  async (t) => {
    const directory = t.testdir()
    const [DATA_DIR, restored, copy] = ['data', 'restored', 'copy.db'].map((name) => join(directory, name)) as [
      string,
      string,
      string
    ]
    const env = { DATA_DIR, DEMO_PASSWORD: password, AUTH_SECRET: '0123456789abcdefghijklmnopqrstuv' }
    const { url, stop } = await startServer(t, env)
    const send = async (path: string, body: object, headers = {}) =>
      await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body)
      })
    const tokens = (await (await send('/auth/login', { username: 'alice', password })).json()) as Tokens
    t.equal((await send('/notes', { text: 'before' }, bearer(tokens))).status, 201)

    const backup = runProgram(t, { entry: 'commands/backup.ts', env, args: [copy] })
    t.equal(await backup.exitCode(), 0, backup.output.text)
    t.equal(backup.output.text, `saved the database in ${DATA_DIR} to ${copy} (${statSync(copy).size} bytes)\n`)
    t.equal(statSync(copy).mode & 0o777, 0o600, 'for its owner only')
    t.equal((await send('/notes', { text: 'after' }, bearer(tokens))).status, 201, 'the server goes on')
    t.equal(await stop(), 0)

    // As the README says.
    mkdirSync(restored)
    copyFileSync(copy, join(restored, 'example.db'))
    const { app } = await createInjected(t, { env: { ...env, DATA_DIR: restored } })
    const { access_token: token } = (
      await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: tokens.refresh_token } })
    ).json()
    const notes = await app.inject({ url: '/notes', headers: bearer({ access_token: token }) })
    t.match(notes.json(), [{ text: 'before' }], 'the session continues')
    t.equal(notes.json().length, 1)
  }
)

t.test('backup() overwrites nothing, and leaves no copy if it fails', async (t) => {
  const directory = t.testdir({ 'taken.db': 'precious', broken: { 'example.db': 'not a database '.repeat(100) } })
  const inside = (name: string) => join(directory, name)
  const { config } = await createInjected(t, { env: { DATA_DIR: inside('data') } })
  const used = 'expected one argument: npm run backup -- FILE'
  const rows: [string[], Record<string, string>, string][] = [
    [[], {}, used],
    [[inside('copy.db'), inside('other.db')], {}, used],
    [['--verbose'], {}, used],
    [[inside('taken.db')], {}, `${inside('taken.db')} exists already: name a new file`],
    [[inside('copy.db')], { DATA_DIR: directory }, `there is no database ${inside('example.db')}`],
    [
      [inside('copy.db')],
      { DATA_DIR: inside('broken') },
      `cannot use the database ${inside('broken/example.db')}: file is not a database`
    ],
    [[inside('none/copy.db')], {}, `ENOENT: no such file or directory, open '${inside('none/copy.db')}'`],
    [
      [inside('copy.db')],
      { DATABASE_URL: 'postgres://localhost/example' },
      'the data is in PostgreSQL: use pg_dump with DATABASE_URL'
    ]
  ]
  for (const [args, env, message] of rows) {
    await t.rejects(backup(args, { DATA_DIR: config.dataDir, ...env }), { message })
  }
  t.equal(readFileSync(inside('taken.db'), 'utf8'), 'precious')
  t.equal(existsSync(inside('copy.db')), false)
})

t.test('npm run backup -- --help and npm run keys:rotate -- --help print the usage, and do nothing', async (t) => {
  const env = { DATA_DIR: join(t.testdir(), 'none') }
  for (const [entry, usage] of [
    ['commands/backup.ts', 'Usage: npm run backup -- FILE\n'],
    ['commands/keys-rotate.ts', 'Usage: npm run keys:rotate\n']
  ] as const) {
    const { exitCode, output } = runProgram(t, { entry, env, args: ['--help'] })
    t.equal(await exitCode(), 0, output.text)
    t.ok(output.text.startsWith(usage), output.text)
  }
  t.equal(existsSync(env.DATA_DIR), false)
})
