import t from 'tap'
import { logEvents, loggerOptions } from '../../../example-server/operations/logging.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('logEvents() warns about six coalesced refreshes in a row, not about two tabs', async (t) => {
  const lines: [string, string][] = []
  const level = (name: string) => (_members: object, text: string) => {
    lines.push([name, text])
  }
  const onEvent = logEvents({ debug: level('debug'), info: level('info'), warn: level('warn') } as any)
  for (const streak of [0, 1, 5, 6, 7]) onEvent({ type: 'refresh-coalesced', sub: 'bob', sessionId: 'x', streak })
  onEvent({ type: 'refresh-token-reused', sub: 'bob', sessionId: 'x' })
  onEvent({ type: 'session-revoked', sessionId: 'x', reason: null, here: true })
  t.strictSame(lines, [
    ...['debug', 'debug', 'debug', 'warn', 'warn'].map((name) => [name, 'refresh-coalesced']),
    ['warn', 'refresh-token-reused'],
    ['info', 'session-revoked']
  ])
})

t.test('a malformed URL is refused without repeating it, and a log line contains only the path of a URL', async (t) => {
  const { app } = await createInjected(t)
  const response = await app.inject({ url: '/%?access_token=secret', headers: { origin: 'https://evil.example' } })
  t.equal(response.statusCode, 400)
  t.notMatch(response.body, 'secret')
  t.match(response.headers, {
    'cache-control': 'no-store',
    'content-security-policy': /^default-src 'none'/,
    'x-content-type-options': 'nosniff'
  })

  const {
    serializers: { req }
  } = loggerOptions('info')
  for (const [url, logged] of [
    ['/notes/1', '/notes/1'],
    ['/me?access_token=x', '/me'],
    ['/me#x', '/me'],
    ['/me;access_token=x', '/me'],
    ['/me%3Faccess_token=x', '/me'],
    ['/me%3faccess_token=x', '/me'],
    ['http://bob:password@host/me?x', '/me'],
    ['/a?b=http://host/c', '/a']
  ]) {
    t.equal(req({ method: 'GET', url, ip: '192.0.2.1' } as never).url, logged)
  }
})

t.test('loggedPath() removes tokens, whatever delimiter precedes them and however often it is encoded', async (t) => {
  const {
    serializers: { req }
  } = loggerOptions('info')
  const logged = (url: string) => req({ method: 'GET', url, ip: '192.0.2.1' } as never).url
  const encode = (text: string) => [...text].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('')
  for (const character of '?#;&=') {
    const code = encode(character)
    for (const delimiter of [
      character,
      code,
      code.toUpperCase(),
      code.replace('%', '%25'),
      code.replace('%', '%252525'),
      encode(code)
    ]) {
      t.equal(logged(`/x${delimiter}token=secret`), '/x', delimiter)
    }
  }
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl'
  const refreshToken = 'rt1.Zm9vYmFyYmF6.0.bWFj'
  for (const token of [
    jwt,
    refreshToken,
    jwt.replace('e', '%65'),
    jwt.replaceAll('.', '%2e'),
    refreshToken.replace('r', '%2572'),
    `prefix-${jwt}`,
    'x'.repeat(65)
  ]) {
    t.equal(logged(`/auth/sessions/${token}/x?y`), '/auth/sessions/[redacted]/x', token)
  }
  t.equal(logged('//bob:password@host/me'), '/me')
  t.equal(
    logged(`/x${encode(encode(encode(encode('?'))))}token=secret`),
    '/x',
    'the rest is cut off if it is still encoded'
  )
  for (const plain of [
    '/',
    '*',
    '/notes/6e0f7a3c-2b1d-4f5e-9a7b-0c1d2e3f4a5b',
    '/page/lessons/other-site.js',
    '/gr%C3%BC%C3%9Fe%20x',
    '/100%',
    '/%zz'
  ]) {
    t.equal(logged(plain), plain)
  }
})
