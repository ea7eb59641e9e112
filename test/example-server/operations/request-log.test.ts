import fastify from 'fastify'
import t from 'tap'
import { AppError } from '../../../example-server/errors.ts'
import { addRequestLog, readRequestId, RequestLog } from '../../../example-server/operations/request-log.ts'
import { bearer, password, type Tokens } from '../../fixtures/example-client.ts'
import { createInjected, startServer } from '../../fixtures/example-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

t.test('readRequestId() takes the id of a proxy, and makes a random one instead of anything else', async (t) => {
  for (const given of ['a', '4bf92f3577b34da6a3ce929d0e0e4736', 'Id_7-x', 'x'.repeat(64)]) {
    t.equal(readRequestId({ headers: { 'x-request-id': given } }), given)
  }
  const wrong = ['', 'x'.repeat(65), 'a b', 'a\nb', '"', 'eyJhbGciOiJub25lIn0.e30.', 'ä', ['a', 'b'], undefined]
  for (const given of wrong) {
    t.match(readRequestId({ headers: { 'x-request-id': given } as never }), /^[\da-f-]{36}$/, JSON.stringify(given))
  }
  const { app } = await createInjected(t)
  for (const url of ['/health/live', '/me', '/nowhere', '/%']) {
    const { headers } = await app.inject({ url, headers: { 'x-request-id': 'from-the-proxy' } })
    t.equal(headers['x-request-id'], 'from-the-proxy', url)
  }
})

t.test('a request is one line with its user and session, and what matters for an audit another', async (t) => {
  const { url, output, stop } = await startServer(t, {
    DATA_DIR: t.testdir(),
    DEMO_PASSWORD: password,
    LOG_LEVEL: 'info'
  })
  let requests = 0
  const send = async (
    path: string,
    { method = 'GET', body, headers = {} }: { method?: string; body?: object; headers?: object } = {}
  ) =>
    await fetch(`${url}${path}`, {
      method,
      headers: {
        ...headers,
        'x-request-id': `request-${++requests}`,
        ...(body && { 'content-type': 'application/json' })
      },
      ...(body && { body: JSON.stringify(body) })
    })
  const post = async (path: string, body: object, headers = {}) => await send(path, { method: 'POST', body, headers })
  await send('/me')
  await post('/auth/login', { username: 'alice', password: 'a wrong password' })
  await post('/auth/login', { username: 'p4ssw0rd-typed-as-name', password: 'x' })
  const tokens = (await (await post('/auth/login', { username: 'alice', password })).json()) as Tokens
  const claims = (await (await send('/me', { headers: bearer(tokens) })).json()) as { sub: string; sid: string }
  const change = { current_password: password, new_password: 'a new and long password' }
  const changed = (await (await post('/auth/password', change, bearer(tokens))).json()) as Tokens
  await post('/auth/password', change, bearer(changed))
  await post('/auth/logout', { refresh_token: changed.refresh_token })
  t.equal(await stop(), 0)

  const lines = output.text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const of = (id: number) => lines.filter(({ reqId }) => reqId === `request-${id}`)
  const audited = (id: number) => of(id).filter(({ audit }) => audit !== undefined)
  const { sub, sid } = claims
  t.match(of(1), [
    { level: 30, req: { url: '/me' }, res: { statusCode: 401 }, code: 'AUTH_NO_CREDENTIALS', detail: /^no cred/ }
  ])
  t.equal(of(1).length, 1, 'a 401 is one line')
  t.match(of(5), [{ msg: 'request completed', sub, sessionId: sid, res: { statusCode: 200 } }])
  t.equal(of(5).length, 1)
  t.match(audited(2), [{ level: 30, audit: 'sign-in-failed', sub, remoteAddress: '127.0.0.1' }])
  t.match(audited(3), [{ level: 30, audit: 'sign-in-failed', sub: null }])
  t.match(audited(4), [{ level: 30, audit: 'sign-in', sub }])
  t.match(audited(6), [{ level: 30, audit: 'password-changed', sub }])
  t.match(audited(8), [{ level: 30, audit: 'sign-out' }])
  t.notMatch(output.text, 'p4ssw0rd')
  t.match(lines.filter(({ msg }) => msg === 'session-started')[0], { event: { sub, sessionId: sid } })
})

t.test('a refusal with 503 is a warning without a stack; what has failed is an error with one', async (t) => {
  const lines: Record<string, unknown>[] = []
  const stream = {
    write(line: string) {
      lines.push(JSON.parse(line))
    }
  }
  const app = fastify({ logger: { stream }, logController: new RequestLog() })
  t.teardown(() => app.close())
  addRequestLog(app)
  const cause = new Error('ECONNREFUSED')
  const rows: [string, Error, object][] = [
    ['/not-found', new AppError('NOT_FOUND'), { level: 30, code: 'NOT_FOUND', err: undefined }],
    ['/stopping', new AppError('STOPPING'), { level: 40, code: 'STOPPING', err: undefined }],
    ['/busy', new AppError('BUSY'), { level: 40, code: 'BUSY', err: undefined }],
    ['/down', new AppError('DATABASE_UNAVAILABLE', { cause }), { level: 50, err: { stack: /ECONNREFUSED/ } }],
    ['/broken', new Error('a bug'), { level: 50, err: { message: 'a bug', stack: /at / } }]
  ]
  for (const [url, error] of rows) {
    app.get(url, async () => {
      throw error
    })
  }
  for (const [url, , line] of rows) {
    await app.inject({ url })
    t.match(lines.at(-1), line, url)
  }
})
