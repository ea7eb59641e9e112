import t from 'tap'
import { production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

const cases: Record<string, { env: Record<string, string>; settings: object }> = {
  'outside production': {
    env: {},
    settings: { allowRegistration: true, demoUsers: ['alice', 'admin'], lessonTokens: true, retrySeconds: 10 }
  },
  'outside production, without registration': {
    env: { ALLOW_REGISTRATION: 'false', ACCESS_TOKEN_SECONDS: '4' },
    settings: { allowRegistration: false, demoUsers: ['alice', 'admin'], lessonTokens: true, retrySeconds: 2 }
  },
  'in production': {
    env: production,
    settings: { allowRegistration: false, demoUsers: [], lessonTokens: false, retrySeconds: 10 }
  },
  'in production, with registration': {
    env: { ...production, ALLOW_REGISTRATION: 'true' },
    settings: { allowRegistration: true, demoUsers: [], lessonTokens: false, retrySeconds: 10 }
  }
}

for (const [name, { env, settings }] of Object.entries(cases)) {
  t.test(`/page/settings.json states what the page can offer, and nothing else: ${name}`, async (t) => {
    const { app } = await createInjected(t, { env })
    const response = await app.inject('/page/settings.json')
    t.strictSame([response.statusCode, response.json()], [200, settings])
    t.equal(response.headers['cache-control'], 'no-store')
  })
}
