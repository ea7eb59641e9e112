import t from 'tap'
import { overTls, production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

interface Case {
  readonly headers: Record<string, string>
  readonly seen: string
}

const cases: Record<string, Case> = {
  'a form in a sandboxed frame': {
    headers: { origin: 'null', 'sec-fetch-site': 'cross-site' },
    seen: 'origin;desc="null", sec-fetch-site;desc="cross-site", cookie;desc="not sent"'
  },
  'a page on another port, to which cookies make no difference': {
    headers: { origin: 'http://localhost:8080', 'sec-fetch-site': 'same-site', cookie: '__Host-access=a.b.c' },
    seen: 'origin;desc="http://localhost:8080", sec-fetch-site;desc="same-site", cookie;desc="sent"'
  },
  'a link': {
    headers: { 'sec-fetch-site': 'none' },
    seen: 'origin;desc="none", sec-fetch-site;desc="none", cookie;desc="not sent"'
  },
  'a header that would end the quoted string': {
    headers: { origin: 'x", db;desc="0', 'sec-fetch-site': '"' },
    seen: 'origin;desc="something else", sec-fetch-site;desc="something else", cookie;desc="not sent"'
  },
  'a header that is too long': {
    headers: { origin: 'a'.repeat(201), 'sec-fetch-site': 'cross-site' },
    seen: 'origin;desc="something else", sec-fetch-site;desc="cross-site", cookie;desc="not sent"'
  }
}

for (const [name, { headers, seen }] of Object.entries(cases)) {
  t.test(`addSeenOrigin() says in Server-Timing what the browser sent: ${name}`, async (t) => {
    const { app } = await createInjected(t)
    for (const url of ['/me', '/health/live', '/nowhere']) {
      const timing = String((await app.inject({ url, headers })).headers['server-timing'])
      t.ok(timing.endsWith(seen), `${url}: ${timing}`)
      t.notMatch(timing, /a\.b\.c/, 'never the value of a cookie')
    }
  })
}

t.test('addSeenOrigin() says nothing to programs, and nothing in production', async (t) => {
  const { app } = await createInjected(t)
  t.notMatch((await app.inject('/health/live')).headers['server-timing'] ?? '', /origin/)
  const { app: inProduction } = await createInjected(t, { env: production })
  const headers = { ...overTls, origin: 'null', 'sec-fetch-site': 'cross-site' }
  const { headers: received } = await inProduction.inject({ url: '/health/live', headers })
  t.equal(received['server-timing'], undefined)
})
