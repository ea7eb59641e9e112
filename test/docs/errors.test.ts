import { readFileSync } from 'node:fs'
import fastify from 'fastify'
import t from 'tap'
import { AuthError, refusals } from '../../plugin/errors.ts'
import authenticate from '../../plugin/index.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { playTranscript } from '../fixtures/transcript.ts'

t.test('the table of docs/errors.md has every code of the catalogue with its status, and no other', async (t) => {
  const rows = readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(AUTH_\w+)` \| (\d+) \|/gm)
  t.strictSame(
    [...rows].map(([, code, status]) => [code, Number(status)]),
    Object.entries(refusals).map(([code, { status }]) => [code, status])
  )
})

t.test('a refusal is as docs/errors.md shows it, and the log has the precise reason', async (t) => {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const app = fastify({ logger: { level: 'info', stream } })
  t.teardown(() => app.close())
  await app.register(authenticate, { issuer, secret })
  app.get('/notes', { config: { auth: true } }, async () => [])
  await playTranscript(t, app, { block: namedBlock('docs/errors.md', 'refusal') })
  await app.inject({ url: '/notes', headers: { authorization: 'Bearer guess' } })
  t.match(
    lines.filter(({ msg }) => msg === 'refused'),
    [
      { level: 30, code: 'AUTH_NO_CREDENTIALS', detail: String },
      { level: 30, code: 'AUTH_INVALID_TOKEN', detail: String }
    ]
  )
})

t.test('docs/errors.md names every member of AuthError', async (t) => {
  const section = readFileSync('docs/errors.md', 'utf8').split('| member of `AuthError` | content |')[1]!
  const rows = [...section.split('\n\n')[0]!.matchAll(/^\| (.*?) \|/gm)].flatMap(
    ([, cell]) => cell!.match(/\w+/g) ?? []
  )
  const error = new AuthError('AUTH_INVALID_TOKEN')
  for (const name of rows) t.ok(name in error, name)
  t.strictSame(
    Object.keys(error).filter((name) => name !== 'name' && !rows.includes(name)),
    []
  )
})

t.test('a wrong option stops the start with the message of docs/errors.md', async (t) => {
  const wrong = Promise.resolve(
    fastify().register(authenticate, { issuer, secret, accessToken: { lifetimeSeconds: 0 } })
  )
  const message = await wrong.then(
    () => 'started',
    (error: Error) => error.message
  )
  t.match(readFileSync('docs/errors.md', 'utf8'), message)
})
