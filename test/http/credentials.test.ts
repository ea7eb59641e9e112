import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { readCredentials } from '../../plugin/http/credentials.ts'
import { challenges, createApp, summaryOf, type ResponseSummary } from '../fixtures/app.ts'
import { passed, foreign, malformed, invalid, expired, revoked, accessCleared } from '../fixtures/summaries.ts'
import { createUsers } from '../fixtures/users.ts'

t.test('with cookies: false, no cookie is read, whatever its name', async (t) => {
  const server = await createApp({ plugin: { cookies: false } })
  for (const cookie of ['null=1', 'undefined=1', '=1', '__Host-access=1', 'access=1']) {
    t.strictSame(
      summaryOf(await server.app.inject({ url: '/me', headers: { cookie } })),
      { ...passed, status: 401, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare },
      cookie
    )
    t.strictSame(
      (await server.app.inject({ url: '/maybe', headers: { cookie } })).json(),
      { user: null },
      `${cookie}, optional`
    )
  }
})

t.test(
  'request.authenticate() has one outcome for every Authorization header, with and without a valid cookie',
  async (t) => {
    const server = await createApp()
    t.teardown(() => server.app.close())
    await server.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = server.app.server.address() as AddressInfo
    const { bob, alice, old, ended } = await createUsers(server)
    server.events()

    /** By `http.request`, because `fetch` joins headers of the same name. */
    function get(
      path: string,
      lines: [string, string][]
    ): Promise<{ answer: ResponseSummary; body: Record<string, unknown> }> {
      return new Promise((resolve, reject) => {
        const request = httpRequest(
          { port, path, host: '127.0.0.1', headers: ['Host', 'localhost', ...lines.flat()] as never },
          async (response) => {
            const body = (await json(response)) as Record<string, unknown>
            const like = { statusCode: response.statusCode!, headers: response.headers, json: () => body }
            resolve({ answer: summaryOf(like as LightMyRequestResponse), body })
          }
        )
        request.once('error', reject).end()
      })
    }

    const as = (value: string): [string, string][] => [['Authorization', value]]
    const token = bob.access
    const padded = (length: number) => `${token}.${'a'.repeat(length - token.length - 1)}`
    const byHeader = { answer: passed, body: { sub: 'bob', source: 'header', sessionId: bob.sessionId } }
    const byCookie = { answer: passed, body: { sub: 'alice', source: 'cookie', sessionId: alice.sessionId } }
    const rows: [string, [string, string][], 'header' | 'ignored' | ResponseSummary][] = [
      ['no Authorization', [], 'ignored'],
      ['a good token', as(`Bearer ${token}`), 'header'],
      ['the scheme in lower case', as(`bearer ${token}`), 'header'],
      ['the scheme in any case', as(`bEaReR ${token}`), 'header'],
      ['more than one space', as(`Bearer     ${token}`), 'header'],
      ['space around it', as(`   Bearer ${token}   `), 'header'],
      ['the name of the header in any case', [['aUTHORIZATION', `Bearer ${token}`]], 'header'],

      ['a string that is not a token', as('Bearer x'), invalid],
      ['a token with a wrong signature', as(`Bearer ${token.slice(0, -4)}AAAA`), invalid],
      ['a refresh token', as(`Bearer ${bob.refresh}`), invalid],
      ['padding at the end', as(`Bearer ${token}==`), invalid],
      ['exactly 8 KiB', as(`Bearer ${padded(8192)}`), invalid],
      ['an expired token', as(`Bearer ${old.access}`), expired],
      ['a token whose session has ended', as(`Bearer ${ended.access}`), revoked],

      ['nothing after the scheme', as('Bearer'), malformed],
      ['spaces after the scheme', as('Bearer     '), malformed],
      ['two tokens', as(`Bearer ${token} ${token}`), malformed],
      ['a list', as(`Bearer ${token},${token}`), malformed],
      ['a list with a space', as(`Bearer ${token}, Basic eDp5`), malformed],
      ['a parameter', as(`Bearer token="${token}"`), malformed],
      ['quotes', as(`Bearer "${token}"`), malformed],
      ['a percent sign', as(`Bearer %65${token.slice(1)}`), malformed],
      ['a tab after the token', as(`Bearer ${token}\tx`), malformed],
      ['a tab before the token', as(`Bearer \t${token}`), malformed],
      ['padding inside', as(`Bearer a=${token}`), malformed],
      ['only padding', as('Bearer =='), malformed],
      ['characters above ASCII', as(`Bearer ${token}\xe4`), malformed],
      ['over 8 KiB', as(`Bearer ${padded(8193)}`), malformed],
      ['two lines, both good', [...as(`Bearer ${token}`), ...as(`Bearer ${token}`)], malformed],
      ['two lines, the first ambient', [...as('Basic eDp5'), ...as(`Bearer ${token}`)], malformed],
      ['two lines, the second ambient', [...as(`Bearer ${token}`), ...as('Basic eDp5')], malformed],
      [
        'two lines, in different case',
        [
          ['authorization', 'DPoP x'],
          ['AUTHORIZATION', `Bearer ${token}`]
        ],
        malformed
      ],
      ['two empty lines', [...as(''), ...as('')], malformed],

      ['Basic', as('Basic eDp5'), 'ignored'],
      ['Basic in another case, with nothing', as('bASIC'), 'ignored'],
      ['Digest', as('Digest username="x", realm="y"'), 'ignored'],
      ['Negotiate', as('Negotiate YII='), 'ignored'],
      ['NTLM', as('NTLM TlRM'), 'ignored'],
      ['Proxy-Authorization', [['Proxy-Authorization', `Bearer ${token}`]], 'ignored'],

      ['DPoP', as(`DPoP ${token}`), foreign],
      ['JWT', as(`JWT ${token}`), foreign],
      ['Token', as(`Token ${token}`), foreign],
      ['a token without a scheme', as(token), foreign],
      ['a colon', as(`Bearer: ${token}`), foreign],
      ['a tab instead of a space', as(`Bearer\t${token}`), foreign],
      ['a comma instead of a space', as(`Bearer,${token}`), foreign],
      ['the scheme and the token in one word', as(`Bearer${token}`), foreign],
      ['the scheme in quotes', as(`"Bearer" ${token}`), foreign],
      ['a scheme that begins like an ambient one', as('Basically eDp5'), foreign],
      ['a scheme that ends like an ambient one', as('XBasic eDp5'), foreign],
      ['a scheme that ends like Bearer', as(`XBearer ${token}`), foreign],
      ['an empty Authorization', as(''), foreign]
    ]
    for (const [name, lines, outcome] of rows) {
      const alone = await get('/me', lines)
      const beside = await get('/me', [...lines, ['Cookie', alice.cookie]])
      const optional = await get('/maybe', lines)
      if (outcome === 'header') {
        t.strictSame([alone, beside, optional], [byHeader, byHeader, byHeader], name)
        t.strictSame(server.events(), [])
      } else if (outcome === 'ignored') {
        t.strictSame(
          [alone.answer, beside, optional],
          [foreign, byCookie, { answer: passed, body: { user: null } }],
          name
        )
        t.match(server.events(), [{ type: 'token-refused', code: 'AUTH_NO_CREDENTIALS', source: null }])
      } else {
        t.strictSame([alone.answer, beside.answer, optional.answer], [outcome, outcome, outcome], name)
        const source = [malformed, invalid, expired, revoked].includes(outcome) ? 'header' : null
        const event = { type: 'token-refused', code: outcome.code, source }
        t.match(server.events(), [event, event, event])
      }
    }

    await t.test('tokens in the query or the body are ignored', async (t) => {
      for (const name of ['access_token', 'token', 'jwt', 'authorization']) {
        t.strictSame((await get(`/me?${name}=${token}`, [])).answer, foreign)
        t.strictSame(
          summaryOf(await server.app.inject({ method: 'POST', url: '/me', payload: { [name]: token } })),
          foreign
        )
      }
      t.strictSame(await get(`/me?access_token=${token}`, [['Cookie', alice.cookie]]), byCookie)
      server.events()
    })

    await t.test('two Cookie lines are one list', async (t) => {
      const [access, refresh] = alice.cookie.split('; ') as [string, string]
      t.strictSame(
        await get('/me', [
          ['Cookie', refresh],
          ['Cookie', access]
        ]),
        byCookie
      )
      t.strictSame(
        await get('/me', [
          ['Cookie', access],
          ['Cookie', access]
        ]),
        byCookie
      )
      t.strictSame(
        (
          await get('/me', [
            ['Cookie', access],
            ['Cookie', (await server.signIn('cookie', { sub: 'mallory' })).cookie]
          ])
        ).answer,
        { ...invalid, cookies: [accessCleared] }
      )
    })
    t.strictSame(server.warnings(), [], 'no request of a client logs a warning')
  }
)
t.test(
  'readCredentials() treats an Authorization that a hook replaced by a non-string as another scheme',
  async (t) => {
    let value: unknown
    const server = await createApp({
      before: (app) =>
        app.addHook('onRequest', async ({ raw }) => {
          raw.headers.authorization = value as never
        })
    })
    for (value of [null, 5, {}, false, ['Bearer x']]) {
      t.strictSame(summaryOf(await server.app.inject('/me')), foreign, JSON.stringify(value))
    }
  }
)
t.test('readCredentials() reads the raw requests of HTTP/2 and inject()', async (t) => {
  const read = (headers: Record<string, string>) =>
    readCredentials({ headers, rawHeaders: Object.entries(headers).flat() }, 'a')
  t.strictSame(read({ authorization: 'Bearer x', cookie: 'a=y' }), { kind: 'header', token: 'x' })
  t.strictSame(read({ cookie: 'a=y' }), { kind: 'cookie', token: 'y' })
  t.strictSame(read({ 'x-authorization': 'y', authorization: 'Bearer x' }), { kind: 'header', token: 'x' })
  t.strictSame(
    read({ 'if-none-match': 'y', authorization: 'Bearer x', 'x-authorizing': 'y' }),
    { kind: 'header', token: 'x' },
    'other names of the same length'
  )
  t.strictSame(
    read({ name: 'authorization', authorization: 'Bearer x' }),
    { kind: 'header', token: 'x' },
    'a value is not a name'
  )
})
