import t from 'tap'
import authenticate from '../../plugin/index.ts'
import fastify from 'fastify'
import { namedBlock } from '../fixtures/named-block.ts'
import { playTranscript } from '../fixtures/transcript.ts'

const [issuer, secret] = ['https://api.example.com', '0123456789abcdef0123456789abcdef']

t.test('the challenge of docs/fresh-sign-in.md is what a stale session receives', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(authenticate, { issuer, secret })
  app.post('/payouts', { config: { auth: { maxAgeSeconds: 300, acr: ['mfa'] } } }, async () => 'paid')
  const token = await app.accessTokens.sign({ sub: 'alice' })
  const block = namedBlock('docs/fresh-sign-in.md', 'challenge')
  await playTranscript(t, app, { block, fill: () => ({ ACCESS_TOKEN: token }) })
})
