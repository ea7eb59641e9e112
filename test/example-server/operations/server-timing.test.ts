import t from 'tap'
import { password, production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

/** The number of queries that the response names. */
function queriesIn(header: unknown): number {
  const [, queries] = /^auth;dur=\d+\.\d\d, db;desc="(\d+) queries"$/.exec(String(header)) ?? []
  return Number(queries)
}

t.test('Server-Timing says how often each request has asked the database', async (t) => {
  const { app, signIn } = await createInjected(t)
  const { headers } = await signIn('alice')
  const ask = async (request: object) => queriesIn((await app.inject(request)).headers['server-timing'])
  t.equal(await ask({ url: '/me', headers }), 0, 'a token is checked without a query')
  t.equal(await ask({ url: '/me' }), 0, 'and so is a refusal')
  const counts = await Promise.all([
    ask({ url: '/notes', headers }),
    ask({ url: '/me', headers }),
    ask({ url: '/notes', headers, method: 'POST', payload: { text: 'Buy milk' } })
  ])
  t.strictSame(counts, [1, 0, 1], 'requests that run at the same time are not mixed up')
  t.ok((await ask({ url: '/auth/login', method: 'POST', payload: { username: 'alice', password } })) >= 2)
})

t.test('Server-Timing is not sent in production, where it could reveal who exists', async (t) => {
  const { app } = await createInjected(t, { env: production })
  for (const url of ['/me', '/health/live', '/']) t.notOk((await app.inject(url)).headers['server-timing'], url)
})
