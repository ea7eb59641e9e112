import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { FastifyRequest, LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { readCredentials } from '../../plugin/http/credentials.ts'
import {
  challenges,
  clearing,
  createApp,
  createClock,
  summaryOf,
  setCookies,
  type ResponseSummary,
  type TestApp,
  type TestOptions
} from '../fixtures/app.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'

const foreign: ResponseSummary = {
  status: 401,
  code: 'AUTH_NO_CREDENTIALS',
  challenge: challenges.bare,
  cookies: [],
  cacheControl: null
}
const malformed: ResponseSummary = {
  status: 400,
  code: 'AUTH_MALFORMED_CREDENTIALS',
  challenge: challenges.malformed,
  cookies: [],
  cacheControl: null
}
const invalid: ResponseSummary = {
  status: 401,
  code: 'AUTH_INVALID_TOKEN',
  challenge: challenges.invalid,
  cookies: [],
  cacheControl: null
}
const expired: ResponseSummary = {
  status: 401,
  code: 'AUTH_EXPIRED_TOKEN',
  challenge: challenges.expired,
  cookies: [],
  cacheControl: null
}
const revoked: ResponseSummary = {
  status: 401,
  code: 'AUTH_REVOKED_TOKEN',
  challenge: challenges.revoked,
  cookies: [],
  cacheControl: null
}
const passed: ResponseSummary = { status: 200, code: null, challenge: null, cookies: [], cacheControl: null }
const accessCleared = clearing('__Host-access')
const bothCleared = [accessCleared, clearing('__Host-refresh')]

/** Two users: bob's token comes in the header, alice's in the cookie; and one whose tokens are of no use any more. */
async function createUsers(server: TestApp) {
  const gone = await server.signIn('cookie', { sub: 'carol' })
  const old = await server.signIn('cookie', { sub: 'dave' })
  server.clock.advance(700)
  const ended = await server.signIn('cookie', { sub: 'erin' })
  await server.app.sessions.revoke(ended.sessionId)
  await server.app.sessions.revoke(gone.sessionId)
  return { bob: await server.signIn('bearer', { sub: 'bob' }), alice: await server.signIn('cookie'), old, ended, gone }
}

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
  'request.authenticate() has one answer for every Authorization, over a real socket, with and without a valid cookie',
  async (t) => {
    const server = await createApp()
    t.teardown(() => server.app.close())
    await server.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = server.app.server.address() as AddressInfo
    const { bob, alice, old, ended } = await createUsers(server)
    server.events()

    /** `http.request`, for `fetch` joins what is to come twice. */
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

      ['a token that is none', as('Bearer x'), invalid],
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
        'two lines, of another case',
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
    t.strictSame(server.warnings(), [], 'nothing that a client sends is a complaint')
  }
)

t.test('request.authenticate() has one answer for every cookie', async (t) => {
  const server = await createApp()
  const { alice, old, ended, gone } = await createUsers(server)
  const mallory = await server.signIn('cookie', { sub: 'mallory' })
  const forged = await (
    await createApp({ plugin: { secret: 'some other secret, of 32 bytes at least' } })
  ).signIn('bearer')
  const access = (value: string, name = '__Host-access') => `${name}=${value}`
  const token = alice.access
  const machines = await Promise.all([1, 2].map(() => server.app.accessTokens.sign({ sub: 'machine' })))
  const eight = Array.from({ length: 8 }, (_, index) => access(`x${index}`))
  const user = { sub: 'alice', source: 'cookie', sessionId: alice.sessionId }
  const cleared: ResponseSummary = { ...invalid, cookies: [accessCleared] }
  type Nobody = ResponseSummary & { body: unknown }
  const nobody: Nobody = { ...passed, body: { user: null } }
  /** The cookie, what comes of it, and what comes of it where a user is optional (if that differs). */
  const rows: [string, string, ResponseSummary | 'user', Nobody?][] = [
    ['one access cookie', access(token), 'user'],
    ['others around it, without a space', `a=1;${access(token)};b=2`, 'user'],
    ['spaces around it', `a=1;   ${access(token)}  ; b`, 'user'],
    ['an empty one beside it', `__Host-access=; ${access(token)}`, 'user'],
    ['names that end or begin like it', `x__Host-access=1; __Host-accessx=2; ${access(token)}`, 'user'],
    // Browsers keep no rules of `__Host-` for it: any subdomain could have set it.
    ['a name that begins with a no-break space', `\xa0${access(token)}`, foreign, nobody],
    ['the same behind another cookie', `a=1; \xa0${access(token)}`, foreign, nobody],
    ['the same beside the real one', `\xa0${access('x')}; ${access(token)}`, 'user'],
    ['tabs around it', `a=1;\t${access(token)}\t; b`, 'user'],
    ['no cookie', '', foreign, nobody],
    ['an empty access cookie', '__Host-access=', foreign, nobody],
    ['a name without a value', '__Host-access', foreign, nobody],
    ['only the refresh cookie', `__Host-refresh=${alice.refresh}`, foreign, nobody],
    ['the name in another case', access(token, '__host-Access'), foreign, nobody],
    ['the name without its prefix', access(token, 'access'), foreign, nobody],
    ['a value that only contains the pair', `a=${access(token)}`, foreign, nobody],
    ['twice, the same', `${access(token)}; ${access(token)}`, 'user'],
    ['twice, the first good', `${access(token)}; ${access('x')}`, 'user'],
    ['twice, the last good', `${access('x')}; ${access(token)}`, 'user'],
    ['twice, the other forged', `${access(forged.access)}; ${access(token)}`, 'user'],
    ['twice, the other of a session that has ended', `${access(ended.access)}; ${access(token)}`, 'user'],
    ['of two sessions', `${access(token)}; ${access(mallory.access)}`, cleared],
    ['of two sessions, one expired', `${access(old.access)}; ${access(token)}`, cleared],
    ['two tokens without a session', `${access(machines[0]!)}; ${access(machines[1]!)}`, cleared],
    ['twice, none of them ours', `${access('x')}; ${access(forged.access)}`, cleared],
    [
      'twice, both of sessions that have ended',
      `${access(ended.access)}; ${access(gone.access)}`,
      { ...revoked, cookies: [accessCleared] },
      { ...nobody, cookies: [accessCleared] }
    ],
    ['eight values, one good', [...eight.slice(1), access(token)].join('; '), 'user'],
    ['nine values, one good', [...eight, access(token)].join('; '), cleared],
    ['nine pairs of two values, one good', [...eight.map(() => access('x')), access(token)].join('; '), 'user'],
    ['malformed', access('x'), cleared],
    ['a refresh token', access(alice.refresh), cleared],
    ['forged', access(forged.access), cleared],
    ['percent-encoded', access(`%65${token.slice(1)}`), cleared],
    ['percent-encoded dots', access(token.replaceAll('.', '%2E')), cleared],
    ['in quotes', access(`"${token}"`), cleared],
    ['with the scheme', access(`Bearer ${token}`), cleared],
    ['over 8 KiB', access('a'.repeat(8193)), cleared],
    ['an equals sign behind', access(`${token}=`), cleared],
    ['a no-break space behind', access(`${token}\xa0`), cleared],
    ['merely expired', access(old.access), expired, nobody],
    ['expired, with a refresh cookie, and renew is off', old.cookie, expired, nobody],
    [
      'the session has ended',
      access(ended.access),
      { ...revoked, cookies: [accessCleared] },
      { ...nobody, cookies: [accessCleared] }
    ],
    [
      'the session has ended, its refresh cookie beside it',
      ended.cookie,
      { ...revoked, cookies: bothCleared },
      { ...nobody, cookies: bothCleared }
    ],
    [
      "the session has ended, another one's refresh cookie beside it",
      `${access(ended.access)}; __Host-refresh=${alice.refresh}`,
      { ...revoked, cookies: [accessCleared] },
      { ...nobody, cookies: [accessCleared] }
    ],
    [
      'the session has ended, a malformed refresh cookie beside it',
      `${access(ended.access)}; __Host-refresh=x`,
      { ...revoked, cookies: [accessCleared] },
      { ...nobody, cookies: [accessCleared] }
    ]
  ]
  for (const [name, cookie, outcome, optional] of rows) {
    const needed = await server.app.inject({ url: '/me', headers: { cookie } })
    const maybe = await server.app.inject({ url: '/maybe', headers: { cookie } })
    if (outcome === 'user') {
      for (const response of [needed, maybe]) {
        t.strictSame({ ...summaryOf(response), body: response.json() }, { ...passed, body: user }, name)
      }
    } else {
      t.strictSame(summaryOf(needed), outcome, name)
      t.strictSame(
        optional ? { ...summaryOf(maybe), body: maybe.json() } : summaryOf(maybe),
        optional ?? outcome,
        `${name}, optional`
      )
    }
  }
  t.strictSame(server.warnings(), [])

  const twice = await server.app.inject({ url: '/me', headers: { cookie: old.cookie } })
  t.strictSame(summaryOf(twice), expired, 'an expired cookie is kept: it tells expiry from absence')
  t.equal(
    summaryOf(await server.app.inject({ url: '/me', headers: { cookie: 'a=1' } })).code,
    'AUTH_NO_CREDENTIALS',
    'after the clearing, the next request heals'
  )
})

t.test('an Authorization that a hook of the host made something else than text is of no scheme', async (t) => {
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
})

t.test(
  'cookies that are refused are cleared with the attributes they were set with, and at the other paths of the URL',
  async (t) => {
    const variants: [TestOptions['plugin'], string, string[]][] = [
      [
        { cookies: { sameSite: 'strict' } },
        '__Host-access',
        [clearing('__Host-access', 'HttpOnly; Secure; SameSite=Strict')]
      ],
      [
        { cookies: { sameSite: 'none', access: '__Secure-a' } },
        '__Secure-a',
        [clearing('__Secure-a', 'HttpOnly; Secure; SameSite=None')]
      ],
      [{ cookies: { secure: false } }, 'access', [clearing('access', 'HttpOnly; SameSite=Lax')]],
      [
        { cookies: { domain: 'example.com' } },
        '__Secure-access',
        [clearing('__Secure-access'), clearing('__Secure-access', 'HttpOnly; Secure; SameSite=Lax', 'example.com')]
      ]
    ]
    for (const [plugin, name, lines] of variants) {
      const { app } = await createApp({ plugin: plugin! })
      // Browsers keep no other cookie with this prefix.
      const elsewhere = name.startsWith('__Host-') ? [] : [lines[0]!.replace('Path=/', 'Path=/me')]
      for (const cookie of [`${name}=x`, `${name}=x; ${name}=y`]) {
        t.strictSame(
          setCookies(await app.inject({ url: '/me', headers: { cookie } })),
          [...lines, ...elsewhere],
          cookie
        )
      }
    }
  }
)

t.test('with cookies: false, no cookie is read, set or cleared', async (t) => {
  const server = await createApp({ plugin: { cookies: false } })
  const { access } = await server.signIn('bearer')
  for (const cookie of [`__Host-access=${access}`, `access=${access}`, '__Host-access=x']) {
    t.strictSame(summaryOf(await server.app.inject({ url: '/me', headers: { cookie } })), foreign)
    t.strictSame(
      summaryOf(await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })).code,
      'AUTH_NO_CREDENTIALS'
    )
    t.strictSame(setCookies(await server.app.inject({ method: 'POST', url: '/logout', headers: { cookie } })), [])
  }
})

t.test('readCredentials() reads what HTTP/2 and inject() offer as a raw request', async (t) => {
  const read = (headers: Record<string, string>) =>
    readCredentials({ headers, rawHeaders: Object.entries(headers).flat() }, 'a')
  t.strictSame(read({ authorization: 'Bearer x', cookie: 'a=y' }), { kind: 'header', token: 'x' })
  t.strictSame(read({ cookie: 'a=y' }), { kind: 'cookie', token: 'y' })
  t.strictSame(read({ 'x-authorization': 'y', authorization: 'Bearer x' }), { kind: 'header', token: 'x' })
  t.strictSame(
    read({ name: 'authorization', authorization: 'Bearer x' }),
    { kind: 'header', token: 'x' },
    'a value is no name'
  )
})

t.test('cookies.renew lets authenticate() renew in place', async (t) => {
  const handler = async ({ user, auth }: FastifyRequest) => ({
    user: user && { sub: user.sub, iat: user.iat },
    auth: auth && { source: auth.source, sessionId: auth.sessionId }
  })
  const counted = { find: 0, rotate: 0 }
  const clock = createClock()
  const memory = memoryStore({ clock })
  let down = false
  const store: typeof memory = {
    ...memory,
    async find(id) {
      counted.find++
      if (down) throw new Error('down')
      return await memory.find(id)
    },
    async rotate(id, change) {
      counted.rotate++
      if (down) throw new Error('down')
      return await memory.rotate(id, change)
    }
  }
  const server = await createApp({
    plugin: { clock, store, cookies: { renew: true }, accessToken: { cacheSize: 0 } },
    after(app) {
      app.get('/scoped', { config: { auth: { scopes: ['other'] } } }, handler)
      app.get('/twice', { config: { auth: true } }, async (request) => {
        const first = request.user
        const [second, third] = await Promise.all([request.authenticate(), request.authenticate({ scopes: ['notes'] })])
        return { same: first.jti === second.jti && second.jti === third.jti, source: request.auth?.source }
      })
      app.get('/failing-twice', async (request) => {
        const codes: string[] = []
        for (let attempt = 0; attempt < 2; attempt++) {
          await request.authenticate().catch((error) => codes.push(error.code))
        }
        return codes
      })
    }
  })
  const { app } = server
  const fresh = async () => {
    const session = await server.signIn('cookie', { scope: 'notes' })
    clock.advance(700)
    counted.find = counted.rotate = 0
    return session
  }
  const row = async (id: string) => (await memory.find(id)).row!
  const pair = (session: { access: string; refresh: string }) =>
    `__Host-access=${session.access}; __Host-refresh=${session.refresh}`
  /** That the answer carries both new cookies, and that the row has moved on. */
  async function assertRenewed(t: Test, response: LightMyRequestResponse, id: string, name: string) {
    t.strictSame(
      response.cookies.map((cookie) => cookie.name),
      ['__Host-access', '__Host-refresh'],
      name
    )
    t.equal(response.cookies[1]?.value.split('.')[2], '1')
    t.equal(response.headers['cache-control'], 'private, no-store')
    t.match(await row(id), { generation: 1, rotatedAt: clock() })
    t.equal(counted.rotate, 1)
    t.match(server.events(), [{ type: 'session-refreshed', sessionId: id }])
  }

  await t.test('when the access cookie is expired, or absent', async (t) => {
    for (const access of [true, false]) {
      const session = await fresh()
      const cookie = access ? session.cookie : `__Host-refresh=${session.refresh}`
      const response = await app.inject({ url: '/me', headers: { cookie } })
      t.strictSame(response.json(), { sub: 'alice', source: 'cookie', sessionId: session.sessionId })
      await assertRenewed(t, response, session.sessionId, cookie)
      const next = await app.inject({
        url: '/me',
        headers: { cookie: pair({ access: response.cookies[0]!.value, refresh: response.cookies[1]!.value }) }
      })
      t.strictSame(summaryOf(next), passed, 'and the next request needs no renewal')
    }
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({ url: '/maybe', headers: { cookie: session.cookie } }),
      session.sessionId,
      'also where a user is optional'
    )
  })

  await t.test('beside an Authorization that is not ours', async (t) => {
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({ url: '/me', headers: { cookie: session.cookie, authorization: 'Basic eDp5' } }),
      session.sessionId,
      'Basic'
    )
  })

  await t.test('by POST from the own site', async (t) => {
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({
        method: 'POST',
        url: '/me',
        headers: { cookie: session.cookie, origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }
      }),
      session.sessionId,
      'POST'
    )
  })

  await t.test('by GET from anywhere: a link leads to it', async (t) => {
    const session = await fresh()
    await assertRenewed(
      t,
      await app.inject({ url: '/me', headers: { cookie: session.cookie, 'sec-fetch-site': 'cross-site' } }),
      session.sessionId,
      'GET'
    )
  })

  await t.test('before needs are looked at', async (t) => {
    const session = await fresh()
    const response = await app.inject({ url: '/scoped', headers: { cookie: session.cookie } })
    t.equal(summaryOf(response).code, 'AUTH_INSUFFICIENT_SCOPE')
    t.strictSame(
      response.cookies.map(({ name }) => name),
      ['__Host-access', '__Host-refresh']
    )
    t.equal((await row(session.sessionId)).generation, 1)
    server.events()
  })

  await t.test('at most once a request', async (t) => {
    const session = await fresh()
    const response = await app.inject({ url: '/twice', headers: { cookie: session.cookie } })
    t.strictSame(response.json(), { same: true, source: 'cookie' })
    await assertRenewed(t, response, session.sessionId, 'authenticate() three times')
    await app.sessions.revoke(session.sessionId)
    const failing = await app.inject({ url: '/failing-twice', headers: { cookie: session.cookie } })
    t.strictSame(failing.json(), ['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_INVALID'])
    const absent = await app.inject({ url: '/failing-twice', headers: { cookie: `__Host-refresh=${session.refresh}` } })
    t.strictSame(absent.json(), ['AUTH_REFRESH_INVALID', 'AUTH_REFRESH_INVALID'])
    server.events()
  })

  const untouched = async (
    name: string,
    headers: (session: Awaited<ReturnType<typeof fresh>>) => Record<string, string> | Promise<Record<string, string>>,
    outcome: ResponseSummary,
    method: 'GET' | 'POST' = 'GET'
  ) => {
    await t.test(`not ${name}`, async (t) => {
      const session = await fresh()
      const before = await row(session.sessionId)
      const response = await app.inject({ method, url: '/me', headers: await headers(session) })
      t.strictSame(summaryOf(response), outcome)
      t.strictSame(counted, { find: 0, rotate: 0 })
      t.strictSame(await row(session.sessionId), before)
      server.events()
    })
  }
  const crossSite: ResponseSummary = {
    status: 403,
    code: 'AUTH_CROSS_SITE',
    challenge: null,
    cookies: [],
    cacheControl: null
  }
  await untouched(
    'for a POST from another site',
    ({ cookie }) => ({ cookie, origin: 'https://evil.example' }),
    crossSite,
    'POST'
  )
  await untouched(
    'for a POST from another site without the access cookie',
    ({ refresh }) => ({ cookie: `__Host-refresh=${refresh}`, 'sec-fetch-site': 'same-site' }),
    crossSite,
    'POST'
  )
  await untouched(
    'for an upgrade',
    ({ cookie }) => ({ cookie, connection: 'upgrade', upgrade: 'websocket', origin: 'http://localhost:80' }),
    expired
  )
  await untouched(
    'for an upgrade without the access cookie',
    ({ refresh }) => ({ cookie: `__Host-refresh=${refresh}`, connection: 'upgrade', upgrade: 'websocket' }),
    foreign
  )
  await untouched(
    'beside a Bearer token that is wrong',
    ({ cookie }) => ({ cookie, authorization: 'Bearer x' }),
    invalid
  )
  await untouched(
    'beside a Bearer token that has expired',
    ({ cookie, access }) => ({ cookie, authorization: `Bearer ${access}` }),
    expired
  )
  await untouched(
    'beside an Authorization of another scheme',
    ({ cookie }) => ({ cookie, authorization: 'DPoP x' }),
    foreign
  )
  await untouched('beside a malformed Authorization', ({ cookie }) => ({ cookie, authorization: 'Bearer' }), malformed)
  await untouched(
    'from a forged access cookie',
    ({ refresh }) => ({ cookie: `__Host-access=x; __Host-refresh=${refresh}` }),
    { ...invalid, cookies: [accessCleared] }
  )
  await untouched(
    'from access cookies of two sessions',
    async ({ access, refresh }) => {
      const other = await server.signIn('cookie', { sub: 'mallory' })
      counted.find = counted.rotate = 0
      return { cookie: `__Host-access=${access}; __Host-access=${other.access}; __Host-refresh=${refresh}` }
    },
    { ...invalid, cookies: [accessCleared] }
  )
  await untouched(
    'for an access cookie without a refresh cookie',
    ({ access }) => ({ cookie: `__Host-access=${access}` }),
    expired
  )
  await untouched(
    'when the cookies name two sessions',
    async ({ access }) => {
      const other = await server.signIn('cookie', { sub: 'mallory' })
      counted.find = counted.rotate = 0
      return { cookie: pair({ access, refresh: other.refresh }) }
    },
    expired
  )
  await untouched(
    'when one of two refresh cookies names another session',
    async ({ access, refresh }) => {
      const other = await server.signIn('cookie', { sub: 'mallory' })
      counted.find = counted.rotate = 0
      return { cookie: `${pair({ access, refresh })}; __Host-refresh=${other.refresh}` }
    },
    expired
  )
  await untouched(
    'from a malformed refresh cookie beside an expired access cookie',
    ({ access }) => ({ cookie: pair({ access, refresh: 'x' }) }),
    expired
  )

  await t.test('and its failure shows the code of the refresh', async (t) => {
    const refused = { status: 401, challenge: challenges.refresh, cookies: bothCleared, cacheControl: null }
    const session = await fresh()
    const other = await server.signIn('cookie', { sub: 'mallory' })
    const only = `__Host-refresh=${session.refresh}`
    const get = (cookie: string, url = '/me') => app.inject({ url, headers: { cookie } })
    t.strictSame(
      summaryOf(await get(`${only}; __Host-refresh=${other.refresh}`)),
      { ...refused, code: 'AUTH_REFRESH_INVALID' },
      'refresh cookies of two sessions'
    )
    t.strictSame(summaryOf(await get('__Host-refresh=x')), { ...refused, code: 'AUTH_REFRESH_INVALID' })
    const nobody = await get('__Host-refresh=x', '/maybe')
    t.strictSame(
      { ...summaryOf(nobody), body: nobody.json() },
      { ...passed, cookies: bothCleared, body: { user: null } },
      'optional: nobody, and the cookies are cleared'
    )

    down = true
    for (const url of ['/me', '/maybe']) {
      const unavailable = await get(session.cookie, url)
      t.strictSame(summaryOf(unavailable), {
        status: 503,
        code: 'AUTH_STORE_UNAVAILABLE',
        challenge: null,
        cookies: [],
        cacheControl: null
      })
      t.equal(unavailable.headers['retry-after'], '2')
    }
    down = false

    for (const from of [0, 1]) {
      await memory.rotate(session.sessionId, {
        from,
        to: from + 1,
        minAgeMs: 0,
        idleMs: 1e9,
        accessLifetimeSeconds: 600
      })
    }
    for (const url of ['/me', '/maybe']) {
      t.strictSame(summaryOf(await get(session.cookie, url)), {
        ...refused,
        code: 'AUTH_REFRESH_SUPERSEDED',
        cookies: []
      })
    }
    clock.advance(60)
    t.strictSame(summaryOf(await get(session.cookie)), { ...refused, code: 'AUTH_REFRESH_REUSED' })
    t.equal((await row(session.sessionId)).revokedAt, clock())
    clock.advance(700)
    t.strictSame(summaryOf(await get(session.cookie)), { ...refused, code: 'AUTH_REFRESH_INVALID' })
  })
})

t.test(
  'an access cookie that was revoked by its jti is cleared, and the refresh cookie of its living session is not',
  async (t) => {
    const server = await createApp()
    const { access, cookie } = await server.signIn('cookie')
    const { jti, exp } = await server.app.accessTokens.verify(access)
    await server.app.accessTokens.revoke(jti!, exp)
    t.strictSame(summaryOf(await server.app.inject({ url: '/me', headers: { cookie } })), {
      ...revoked,
      cookies: [clearing('__Host-access')]
    })
  }
)
