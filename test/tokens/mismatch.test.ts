import t from 'tap'
import { issuerMismatch, keyMismatch } from '../../plugin/tokens/mismatch.ts'
import { createApp, issuer, secret } from '../fixtures/app.ts'
import { makeKey } from '../fixtures/issuer.ts'
import { bearer } from '../fixtures/signed-in.ts'
import { forge, localSigner, signerWith, type Signer } from '../fixtures/tokens.ts'

const idp = 'https://tenant.auth0.com'
const rsa = makeKey('RS256', 'rsa')
const option = { issuer: idp, audience: 'notes', algorithms: ['RS256'], jwks: { keys: [rsa.jwk] } }

/** The response to a token, and the detail in the event. */
async function refuse(token: string) {
  const { app, events } = await createApp({
    plugin: { trustedIssuers: [option] },
    after: (app) => app.get('/theirs', { config: { auth: { issuers: [idp, issuer] } } }, async () => 'ok')
  })
  const response = await app.inject({ url: '/theirs', headers: bearer(token) })
  return { response, events: events() }
}

t.test(
  'the event of a refused token names the issuers or keys that were compared, the response does not',
  async (t) => {
    const { kid } = localSigner
    const elsewhere = signerWith(`${secret}\n`)
    const ours = `HS256 ${JSON.stringify(kid)}`.replace('HS256', '"HS256"')
    const received = (by: Signer) => `received "${by.alg}" "${by.kid}"`
    const rows: [string, string, string][] = [
      [
        'an issuer with a slash',
        forge(rsa, { claims: { iss: `${idp}/`, aud: 'notes' } }),
        `no key matches alg and kid: expected ${ours}, received "RS256" "rsa"; iss is not the expected issuer: ` +
          `expected "${issuer}" or "${idp}", received "${idp}/" (only the slash at the end differs)`
      ],
      [
        'our issuer with a slash',
        forge(localSigner, { claims: { iss: `${issuer}/` } }),
        `iss is not the expected issuer: expected "${issuer}", received "${issuer}/" ` +
          '(only the slash at the end differs)'
      ],
      [
        'a secret that differs by a newline',
        forge(elsewhere),
        `no key matches alg and kid: expected ${ours}, ${received(elsewhere)}`
      ],
      [
        'no kid and another algorithm',
        forge({ alg: 'HS384', key: Buffer.from(secret) }),
        `no key matches alg and kid: expected ${ours}, received "HS384" without kid`
      ],
      [
        'an unknown key of the issuer',
        forge({ ...rsa, kid: 'next' }, { claims: { iss: idp, aud: 'notes' } }),
        'no key matches alg and kid: expected "RS256" "rsa", received "RS256" "next"'
      ]
    ]
    for (const [what, token, detail] of rows) {
      const { response, events } = await refuse(token)
      t.strictSame(
        response.json(),
        {
          statusCode: 401,
          code: 'AUTH_INVALID_TOKEN',
          error: 'Unauthorized',
          message: 'The access token is invalid'
        },
        what
      )
      const sent = JSON.stringify(response.headers)
      t.notOk(
        ['rsa', 'slash', 'tenant', `${kid}`].find((word) => sent.includes(word)),
        `${what}: nothing in the headers`
      )
      t.strictSame(events, [{ type: 'token-refused', code: 'AUTH_INVALID_TOKEN', detail, source: 'header' }], what)
    }
  }
)

t.test('a detail shows what an attacker wrote shortened, and without characters that control a log', async (t) => {
  const evil = '\n\r\u001b[2J\u0085\u2028"\ud800"https://evil.example'
  const shown = String.raw`"\n\r\u001b[2J\u0085\u2028\"\ud800\"https://evil.example"`
  t.equal(issuerMismatch(evil, ['us']), `iss is not the expected issuer: expected "us", received ${shown}`)
  t.equal(
    keyMismatch({ alg: 'RS256', kid: evil }, []),
    `no key matches alg and kid: expected none, received "RS256" ${shown}`
  )
  const long = issuerMismatch('x'.repeat(7000), ['us'])
  t.match(long, /received "x{100}" \(shortened\)$/)
  const many = Array.from({ length: 3000 }, (_, index) => ({ alg: 'RS256', kid: `${index}${evil.repeat(100)}` }))
  const detail = keyMismatch({ alg: 'RS256', kid: undefined }, many)
  t.match(detail, / and 2992 more, received "RS256" without kid$/)
  t.ok(detail.length < 8000, `${detail.length} characters`)
  t.match(detail, /^[\x20-\x7e]+$/)
  for (const [iss, words] of [
    [undefined, 'nothing'],
    [null, 'a value of type object'],
    [7, 'a value of type number'],
    [{ toString: () => 'us' }, 'a value of type object']
  ] as const) {
    t.equal(issuerMismatch(iss, ['us']), `iss is not the expected issuer: expected "us", received ${words}`)
  }
  t.equal(
    keyMismatch({ alg: 'RS256', kid: 'a' }, [{}, { kid: 7, alg: ['RS256'] }]),
    'no key matches alg and kid: expected any alg without kid or a value of type object a value of type number, ' +
      'received "RS256" "a"'
  )
})
