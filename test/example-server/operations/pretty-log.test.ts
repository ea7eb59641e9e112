import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { loadPrettyLog } from '../../../example-server/operations/pretty-log.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

t.test('loadPrettyLog() shows a request as one line that people read, and an error with its stack', async (t) => {
  const pretty = await loadPrettyLog()
  const plain = (line: object) =>
    pretty(`${JSON.stringify({ time: 0, pid: 1, hostname: 'x', ...line })}\n`).replace(/^\[[\d:.]+\] /, '')
  const request = {
    level: 30,
    reqId: 'r1',
    req: { method: 'GET', url: '/me' },
    res: { statusCode: 200 },
    responseTime: 2.7,
    msg: 'request completed'
  }
  t.equal(plain({ ...request, sub: 'alice' }), 'INFO: GET /me 200 in 3 ms {"sub":"alice"}\n')
  t.equal(
    plain({ ...request, res: { statusCode: 401 }, code: 'AUTH_NO_CREDENTIALS', detail: 'no credentials' }),
    'INFO: GET /me 401 in 3 ms, AUTH_NO_CREDENTIALS: no credentials\n'
  )
  t.equal(plain({ level: 40, msg: 'a warning' }), 'WARN: a warning\n')
  t.match(
    plain({ ...request, level: 50, err: { type: 'Error', message: 'a bug', stack: 'Error: a bug\n    at x' } }),
    /^ERROR: GET \/me 200 in 3 ms \n[^]*Error: a bug\n +at x/
  )
})

/** `script`, of util-linux, runs a command in a terminal. */
const skip = spawnSync('script', ['--version']).error === undefined ? false : 'script is not installed'

t.test('a server logs for people in a terminal, and JSON in production and everywhere else', { skip }, async (t) => {
  const settings = {
    DATA_DIR: t.testdir(),
    PORT: '0',
    LOG_LEVEL: 'info',
    AUTH_ISSUER: 'https://api.example.com',
    AUTH_SECRET: '0123456789abcdefghijklmnopqrstuv'
  }
  for (const [entry, NODE_ENV, expected] of [
    ['server.ts', 'development', /^\S*\[[\d:.]+\] \S*INFO\S*: \S*Server listening at/m],
    ['cluster.ts', 'development', /^\S*\[[\d:.]+\] \S*INFO\S*: \S*Server listening at/m],
    ['server.ts', 'production', /^\{"level":30,.*"msg":"Server listening at/m]
  ] as const) {
    const command = `exec ${process.execPath} --import tsx/esm example-server/${entry}`
    const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env: { ...process.env, _TAPJS_PROCESSINFO_COVERAGE_: '0', ...settings, NODE_ENV, DRAIN_SECONDS: '0' },
      stdio: ['pipe', 'pipe', 'inherit']
    })
    const closed = once(child, 'close')
    let output = ''
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      output += chunk
      // Ctrl-C, as typed in the terminal.
      if (expected.test(output) && output.includes('listening on ')) child.stdin.end('\x03')
    }
    t.match(output, expected, `${entry} in ${NODE_ENV}`)
    t.equal(/^\{"level"/m.test(output), NODE_ENV === 'production', 'JSON in production only')
    await closed
  }
})
