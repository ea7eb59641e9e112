import t from 'tap'
import { createApp, type ResponseSummary, clearing, summaryOf, setCookies, type TestOptions } from '../fixtures/app.ts'
import { passed, foreign, invalid, expired, revoked, accessCleared, bothCleared } from '../fixtures/summaries.ts'
import { createUsers } from '../fixtures/users.ts'

t.test('request.authenticate() has one outcome for every access cookie', async (t) => {
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
  /** The cookie, its outcome, and its outcome if a user is optional and that differs. */
  const rows: [string, string, ResponseSummary | 'user', Nobody?][] = [
    ['one access cookie', access(token), 'user'],
    ['others around it, without a space', `a=1;${access(token)};b=2`, 'user'],
    ['spaces around it', `a=1;   ${access(token)}  ; b`, 'user'],
    ['an empty one beside it', `__Host-access=; ${access(token)}`, 'user'],
    ['names that end or begin like it', `x__Host-access=1; __Host-accessx=2; ${access(token)}`, 'user'],
    // Browsers do not enforce `__Host-` for this name: any subdomain could have set it.
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
      'the session has ended, with its refresh cookie',
      ended.cookie,
      { ...revoked, cookies: bothCleared },
      { ...nobody, cookies: bothCleared }
    ],
    [
      'the session has ended, with the refresh cookie of another',
      `${access(ended.access)}; __Host-refresh=${alice.refresh}`,
      { ...revoked, cookies: [accessCleared] },
      { ...nobody, cookies: [accessCleared] }
    ],
    [
      'the session has ended, with a malformed refresh cookie',
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
  t.strictSame(summaryOf(twice), expired, 'an expired cookie is kept, so that it differs from an absent one')
  t.equal(
    summaryOf(await server.app.inject({ url: '/me', headers: { cookie: 'a=1' } })).code,
    'AUTH_NO_CREDENTIALS',
    'after the clearing, the next request has no credentials'
  )
})

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

t.test(
  'refused cookies are cleared with the attributes that set them, and at the other paths of the URL',
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
      // Browsers accept no other cookie with this prefix.
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

t.test(
  'an access cookie that was revoked by its jti is cleared, but not the refresh cookie of its live session',
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
