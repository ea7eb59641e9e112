import t from 'tap'
import { createRefreshTokens } from '../../plugin/tokens/refresh-token.ts'

const issuer = 'https://api.example.com'
const secrets = ['the secret of this server, 32 bytes', 'the secret of last year, 32 bytes'].map((text) =>
  Buffer.from(text)
)
const row = { sessionId: 'A'.repeat(22), generation: 7, sessionKey: 'the key in the row' }
const tokens = createRefreshTokens({ issuers: [issuer], secrets })

t.test('issue() returns the same token for the same row, and read() returns its session and generation', async (t) => {
  const token = tokens.issue(row)
  t.match(token, /^rt1\.A{22}\.7\.[\w-]{43}$/)
  t.equal(tokens.issue({ ...row }), token)
  t.match(tokens.read(token), { sessionId: row.sessionId, generation: 7 })
  const latest = tokens.issue({ ...row, generation: Number.MAX_SAFE_INTEGER })
  t.match(tokens.read(latest), { generation: Number.MAX_SAFE_INTEGER })
})

t.test('issue() returns the tokens that earlier versions issued: a deployment signs nobody out', async (t) => {
  t.equal(tokens.issue(row), 'rt1.AAAAAAAAAAAAAAAAAAAAAA.7.N3Y_Y2KLqKRP2PJghqh3JZmAtKmLOnIjv1LNs9Vq03o')
})

t.test('read() refuses a generation that a number does not hold exactly', async (t) => {
  t.equal(tokens.read(tokens.issue({ ...row, generation: 2 ** 53 })), null)
})

t.test('matches() is true for the session key that issued the token, and for no other', async (t) => {
  const read = tokens.read(tokens.issue(row))!
  t.equal(tokens.matches(read, row.sessionKey), true)
  t.equal(tokens.matches(read, 'another key'), false)
  t.equal(tokens.matches({ ...read, generation: 8 }, row.sessionKey), false)
})

t.test('read() accepts a mac for nothing but its own session and generation', async (t) => {
  const [version, id, generation, mac] = tokens.issue(row).split('.') as [string, string, string, string]
  t.equal(tokens.read([version, id, 8, mac].join('.')), null, 'the mac of another generation')
  t.equal(tokens.read([version, 'B'.repeat(22), generation, mac].join('.')), null, 'another session')
  t.equal(tokens.read([version, id, generation, `${'A'.repeat(31)}${mac.slice(-12)}`].join('.')), null, 'the end alone')
  const guessed = tokens.read(tokens.issue({ ...row, sessionKey: 'a guessed key' }))!
  t.equal(tokens.matches(guessed, row.sessionKey), false, 'the half that another session key made')
})

t.test('read() accepts tokens of every secret, and issue() uses the first', async (t) => {
  const old = createRefreshTokens({ issuers: [issuer], secrets: secrets.slice(1) })
  t.match(tokens.read(old.issue(row)), { sessionId: row.sessionId })
  t.equal(old.read(tokens.issue(row)), null)
})

t.test("read() returns null for another issuer's token over the same secret", async (t) => {
  const other = createRefreshTokens({ issuers: [`${issuer}/other`], secrets })
  t.equal(tokens.read(other.issue(row)), null)
})

t.test('read() returns null for a token that differs in any character, or is misshapen', async (t) => {
  const token = tokens.issue(row)
  const accepted = Array.from(token, (character, index) => {
    const changed = `${token.slice(0, index)}${character === 'B' ? 'C' : 'B'}${token.slice(index + 1)}`
    return tokens.read(changed) === null ? null : index
  }).filter((index) => index !== null)
  // The second half of the mac is keyed by the session key, so only `matches()` checks it.
  const macStart = token.length - 43
  t.ok(
    accepted.every((index) => index >= macStart + 21 && index < token.length - 1),
    accepted.join()
  )

  const [version, id, generation, mac] = token.split('.') as [string, string, string, string]
  for (const misshapen of [
    '',
    'rt1',
    `${token}.`,
    `${token}.x`,
    `${token}=`,
    ` ${token}`,
    [version, id, `0${generation}`, mac].join('.'),
    [version, id, '-7', mac].join('.'),
    [version, id, '7.0', mac].join('.'),
    [version, id, '9'.repeat(16), mac].join('.'),
    [version, id.slice(1), generation, mac].join('.'),
    [version, `${id}A`, generation, mac].join('.'),
    [version, id, generation, mac.slice(0, -1)].join('.'),
    [version, id, generation, ''].join('.'),
    [version, id, generation, 'A'.repeat(8192)].join('.')
  ]) {
    t.equal(tokens.read(misshapen), null, misshapen.slice(0, 60))
  }
})

t.test('read() accepts one spelling of each mac: 43 characters hold two bits more than 32 bytes', async (t) => {
  const token = tokens.issue(row)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const accepted = Array.from(alphabet, (last) => tokens.read(token.slice(0, -1) + last)).filter(
    (read) => read !== null
  )
  const macs = accepted.map(({ sessionMac }) => sessionMac.toString('hex'))
  t.equal(new Set(macs).size, 16)
  t.equal(macs.length, 16)
  t.equal(tokens.matches(tokens.read(token)!, row.sessionKey), true)
})
