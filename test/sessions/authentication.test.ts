import t from 'tap'
import { createReadAuthentication } from '../../plugin/sessions/authentication.ts'
import { createApp, epoch } from '../fixtures/app.ts'
import { decode, now } from '../fixtures/tokens.ts'

const described = '1 to 255 characters of printable ASCII without space, quotation mark and backslash'

t.test(
  'signIn() puts auth_time, acr and amr into the access token, auth_time by default the time of sign-in',
  async (t) => {
    const server = await createApp()
    const claimsOf = async (input: object) => {
      const claims = decode((await server.signIn('bearer', input)).access, 1)
      return { auth_time: claims.auth_time, acr: claims.acr, amr: claims.amr }
    }
    const none = { acr: undefined, amr: undefined }
    const rows: [object, object][] = [
      [{}, { auth_time: now, ...none }],
      [{ authTime: now - 60 }, { auth_time: now - 60, ...none }],
      [{ authTime: now - 59.5 }, { auth_time: now - 60, ...none }],
      [{ authTime: 0 }, { auth_time: 0, ...none }],
      [{ authTime: null }, { auth_time: undefined, ...none }],
      [
        { acr: 'urn:mfa', amr: ['pwd', 'otp'] },
        { auth_time: now, acr: 'urn:mfa', amr: ['pwd', 'otp'] }
      ],
      [
        { acr: null, amr: null },
        { auth_time: now, ...none }
      ],
      [{ amr: [] }, { auth_time: now, ...none }],
      [{ authenticatedAt: epoch - 60_000 }, { auth_time: now, ...none }]
    ]
    for (const [input, expected] of rows) t.strictSame(await claimsOf(input), expected, JSON.stringify(input))
    server.clock.advance(0.999)
    t.strictSame(await claimsOf({}), { auth_time: now, ...none }, 'whole seconds')
  }
)

t.test('signIn() throws a TypeError for a wrong authTime, acr or amr, and writes nothing', async (t) => {
  const input: { given: object } = { given: {} }
  const server = await createApp({
    after: (app) =>
      app.post('/wrong', (_request, reply) => reply.signIn({ sub: 'alice', transport: 'bearer', ...input.given }))
  })
  const time = '"authTime" must be seconds since the epoch, or null if it is unknown'
  const future = '"authTime" must not be in the future (it is in seconds, not milliseconds): received '
  const rows: [object, string][] = [
    [{ authTime: undefined }, '"authTime" is undefined: give it a value, or leave it out'],
    ...[-1, NaN, Infinity, `${now}`, true, [now], new Date(epoch)].map((authTime): [object, string] => [
      { authTime },
      time
    ]),
    [{ authTime: now + 6 }, `${future}${now + 6}`],
    [{ authTime: epoch }, `${future}${epoch}`],
    ...['', 'two words', '"', 'ä', 'a\r\nb', 'x'.repeat(256), 1, ['mfa'], true].map((acr): [object, string] => [
      { acr },
      `"acr" must be ${described}`
    ]),
    ...['pwd', [''], ['a b'], [1], ['x'.repeat(256)], Array(17).fill('pwd'), { 0: 'pwd' }].map(
      (amr): [object, string] => [{ amr }, `"amr" must be a list of at most 16 strings, each ${described}`]
    ),
    ...['auth_time', 'acr', 'amr'].map((name): [object, string] => [
      { claims: { [name]: 'x' } },
      `"claims" must not contain "${name}": the plugin sets it`
    ])
  ]
  for (const [given, message] of rows) {
    input.given = given
    const response = await server.app.inject({ method: 'POST', url: '/wrong' })
    t.match(response.json(), { statusCode: 500, message }, JSON.stringify(given).slice(0, 80))
  }
  t.strictSame(await server.app.sessions.list('alice'), [])
})

t.test('readAuthentication() accepts the longest acr and amr, and rounds the present down', (t) => {
  const clock = () => epoch + 600
  const read = createReadAuthentication({ clock, nodeClock: clock, clockToleranceSeconds: 5 })
  const longest = 'x'.repeat(255)
  const input = { acr: longest, amr: Array<string>(16).fill(longest), authTime: now + 5 }
  t.strictSame(read(input), { ...input, authTime: now })
  t.end()
})

t.test('readAuthentication() moves authTime to the clock of local tokens, and never beyond it', (t) => {
  const rows: [what: string, skewSeconds: number, given: number, expected: number][] = [
    ['one clock', 0, now - 60, now - 60],
    ['the store an hour ahead', 3600, now - 60, now + 3540],
    ['the store an hour behind', -3600, now - 60, now - 3660],
    ['a difference that rounds away', 0.4, now - 60, now - 60],
    ['and to the other side', -0.4, now - 60, now - 60],
    ["a provider's clock that is ahead, within the tolerance", 0, now + 5, now],
    ['the same with the store behind', -3600, now + 5, now - 3600]
  ]
  for (const [what, skewSeconds, authTime, expected] of rows) {
    const read = createReadAuthentication({
      clock: () => epoch + skewSeconds * 1000,
      nodeClock: () => epoch,
      clockToleranceSeconds: 5
    })
    t.equal(read({ authTime }).authTime, expected, what)
  }
  t.end()
})
