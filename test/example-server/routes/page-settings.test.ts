import t from 'tap'
import { production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

const cases: Record<string, { env: Record<string, string>; settings: object }> = {
  'outside production': {
    env: {},
    settings: {
      allowRegistration: true,
      demoUsers: ['alice', 'admin'],
      lessonTokens: true,
      retrySeconds: 10,
      mails: true,
      passkeyDomain: 'localhost'
    }
  },
  'outside production, without registration': {
    env: { ALLOW_REGISTRATION: 'false', ACCESS_TOKEN_SECONDS: '4', AUTH_ISSUER: 'http://127.0.0.1:3000' },
    settings: {
      allowRegistration: false,
      demoUsers: ['alice', 'admin'],
      lessonTokens: true,
      retrySeconds: 2,
      mails: true,
      passkeyDomain: null
    }
  },
  'in production': {
    env: production,
    settings: {
      allowRegistration: false,
      demoUsers: [],
      lessonTokens: false,
      retrySeconds: 10,
      mails: false,
      passkeyDomain: 'api.example.com'
    }
  },
  'in production, with registration': {
    env: { ...production, ALLOW_REGISTRATION: 'true', SMTP_URL: 'smtp://mail', MAIL_FROM: 'a@example.com' },
    settings: {
      allowRegistration: true,
      demoUsers: [],
      lessonTokens: false,
      retrySeconds: 10,
      mails: true,
      passkeyDomain: 'api.example.com'
    }
  }
}

for (const [name, { env, settings }] of Object.entries(cases)) {
  t.test(`/page/settings.json states what the page can offer, and nothing else: ${name}`, async (t) => {
    const { app } = await createInjected(t, { env, sendsMails: (settings as { mails: boolean }).mails })
    const response = await app.inject('/page/settings.json')
    t.strictSame([response.statusCode, response.json()], [200, settings])
    t.equal(response.headers['cache-control'], 'no-store')
  })
}
