import { readFileSync } from 'node:fs'
import t from 'tap'
import { createApp } from '../fixtures/app.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { refresh } from '../fixtures/signed-in.ts'

const page = readFileSync('docs/refresh.md', 'utf8')

t.test('the table of docs/refresh.md has every verdict of the source, and no other', async (t) => {
  const source = readFileSync('plugin/sessions/rotation.ts', 'utf8')
  const verdicts = [...source.matchAll(/^ {2}\| '([\w-]+)'$/gm)].map(([, verdict]) => verdict!)
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, verdict]) => verdict!)
  t.equal(verdicts.length, 8)
  t.strictSame(rows, verdicts)
})

t.test('the picture of docs/refresh.md is what happens', async (t) => {
  const server = await createApp()
  const tokens = [(await server.signIn('bearer')).refresh]
  const seen: string[] = []
  /** Presents a token; notes the event, and the token or code that was returned. */
  const present = async (number: number) => {
    server.events()
    const body = (await refresh(server, tokens[number]!)).json()
    if (body.refresh_token && !tokens.includes(body.refresh_token)) tokens.push(body.refresh_token)
    const type = server
      .events()
      .find((event) => event.type !== 'token-refused' && event.type !== 'session-revoked')?.type
    const returned = body.code ?? `token ${tokens.indexOf(body.refresh_token)}`
    seen.push(`token ${number} > ${verdicts[type!]} > ${returned}`)
  }
  const verdicts: Record<string, string> = {
    'session-refreshed': 'rotate',
    'refresh-coalesced': 'return-successor',
    'refresh-retried': 'count-retry',
    'refresh-token-reused': 'reuse'
  }
  server.clock.advance(600)
  await present(0)
  await present(0)
  server.clock.advance(600)
  await present(1)
  server.clock.advance(60)
  await present(1)
  server.clock.advance(600)
  await present(2)
  server.clock.advance(60)
  await present(1)

  const arrows = namedBlock('docs/refresh.md', 'timeline').matchAll(
    /(token \d) -+>\| {2}([\w-]+).*\n.*<-+ (?:401 )?(token \d|AUTH_\w+) \|/g
  )
  t.strictSame(
    [...arrows].map(([, sent, verdict, returned]) => `${sent} > ${verdict} > ${returned}`),
    seen
  )
})
