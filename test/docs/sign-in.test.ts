// The table of docs/sign-in.md: every field, its default, and what refuses it.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createApp, epoch, setCookies } from '../fixtures/app.ts'
import { bearer, claimsOf } from '../fixtures/signed-in.ts'
import { reservedClaims } from '../../plugin/tokens/claims.ts'

const page = readFileSync('docs/sign-in.md', 'utf8')
const table = page.slice(page.indexOf('## Every field'), page.indexOf('### Reserved claims'))
const fields = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!)
const long = (length: number) => 'x'.repeat(length)
const day = 86_400

/** Values at the limits, and beyond them. `undefined` is refused where the page says so. */
const limits: Record<string, { accepted: unknown[]; refused: unknown[] }> = {
  sub: { accepted: ['a', long(1000)], refused: [undefined, '', 7, long(1001), 'a\0b', '\ud800'] },
  transport: { accepted: ['bearer', 'cookie'], refused: [undefined, 'header'] },
  claims: {
    accepted: [undefined, {}, { plan: 'free' }],
    refused: [null, [], { iss: 'x' }, { sub: 'x' }, { a: JSON.parse('{"__proto__":1}') }]
  },
  scope: { accepted: [undefined, '', 'a', 'a b'], refused: [7, 'a  b', ' a', 'ä', ['a']] },
  device: { accepted: [undefined, null, long(200)], refused: [long(201), 7] },
  authenticatedAt: { accepted: [epoch, epoch - day * 1000], refused: [undefined, null, '2030-01-01', NaN] },
  revokeOthers: { accepted: [true, false], refused: [undefined, null, 'yes'] },
  persistent: { accepted: [true, false], refused: [undefined, null, 'yes'] },
  idleSeconds: { accepted: [611, 14 * day], refused: [undefined, null, 610, 14 * day + 1, 1000.5, '1000'] },
  absoluteSeconds: { accepted: [1, 30 * day], refused: [undefined, null, 0, 30 * day + 1, 1000.5] },
  authTime: { accepted: [null, 0, epoch / 1000], refused: [undefined, epoch / 1000 + 6, epoch, '0', NaN] },
  acr: { accepted: [undefined, null, 'mfa', long(255)], refused: ['', 'a b', 'a"', 'a\\', long(256), 7] },
  amr: {
    accepted: [undefined, [], ['pwd', 'otp'], Array(16).fill('pwd')],
    refused: [Array(17).fill('pwd'), 'pwd', ['']]
  },
  crossSite: { accepted: [undefined, true, false], refused: ['yes', 1] }
}

t.test('the table of docs/sign-in.md has every field of signIn(), and no other', async (t) => {
  const source = readFileSync('plugin/http/sign-in.ts', 'utf8')
  const members = /const members = \[([^\]]*)\]/.exec(source)![1]!.match(/\w+/g)!
  t.strictSame(fields.toSorted(), members.toSorted())
  t.strictSame(Object.keys(limits).toSorted(), members.toSorted())
})

t.test('signIn() accepts values at the limits of docs/sign-in.md, and refuses those beyond them', async (t) => {
  let input: object = {}
  const server = await createApp({
    after: (app) => app.post('/sign-in', (_request, reply) => reply.signIn(input as never))
  })
  const status = async () => (await server.app.inject({ method: 'POST', url: '/sign-in' })).statusCode
  for (const [name, { accepted, refused }] of Object.entries(limits)) {
    for (const value of accepted) {
      input = { sub: 'alice', transport: 'cookie', [name]: value }
      t.equal(await status(), 200, `${name}: ${JSON.stringify(value)?.slice(0, 40)}`)
    }
    for (const value of refused) {
      input = { sub: 'alice', transport: 'cookie', [name]: value }
      t.equal(await status(), 500, `${name}: ${JSON.stringify(value)?.slice(0, 40)}`)
    }
    const says = table.split('\n').find((line) => line.startsWith(`| \`${name}\``))!
    if (name !== 'sub' && name !== 'transport') {
      t.equal(says.includes('Not `undefined`'), refused.includes(undefined), name)
    }
  }
  for (const wrong of [
    { roles: [] },
    { idleSeconds: 1000, absoluteSeconds: 999 },
    { transport: 'bearer', persistent: true }
  ]) {
    input = { sub: 'alice', transport: 'cookie', ...wrong }
    t.equal(await status(), 500, JSON.stringify(wrong))
  }
})

t.test('docs/sign-in.md names every reserved claim', async (t) => {
  const section = page.slice(page.indexOf('### Reserved claims'), page.indexOf('## Remember me'))
  const named = [...section.split('Your')[0]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
  t.strictSame(named.toSorted(), [...reservedClaims].toSorted())
})

t.test('the defaults of docs/sign-in.md are those of a session that was started without them', async (t) => {
  const server = await createApp()
  const { access, cookie, response } = await server.signIn('cookie')
  t.match(claimsOf(access), { sub: 'alice', auth_time: epoch / 1000, exp: epoch / 1000 + 600 })
  for (const name of ['scope', 'acr', 'amr']) t.notOk(name in claimsOf(access), name)
  t.match(await server.app.sessions.list('alice'), [{ device: null, expiresAt: epoch + 14 * day * 1000 }])
  for (const line of setCookies(response)) t.match(line, '; Max-Age=')
  await server.signIn('cookie')
  t.equal((await server.app.sessions.list('alice')).length, 2, 'other sessions stay')
  await server.signIn('cookie', {}, { cookie })
  t.equal((await server.app.sessions.list('alice')).length, 2, 'those that the cookies name end')
})

t.test('a sign-in that began before a password change is refused, as docs/sign-in.md says', async (t) => {
  const server = await createApp()
  const old = await server.signIn('bearer')
  const authenticatedAt = server.clock()
  server.clock.advance(1)
  await server.signIn('bearer', { revokeOthers: true, authenticatedAt: server.clock() })
  t.equal((await server.app.inject({ url: '/me', headers: bearer(old.access) })).json().code, 'AUTH_REVOKED_TOKEN')
  const payload = { sub: 'alice', transport: 'bearer', authenticatedAt }
  const late = await server.app.inject({ method: 'POST', url: '/login', payload })
  t.match(late.json(), { statusCode: 401, code: 'AUTH_REVOKED_TOKEN' })
})
