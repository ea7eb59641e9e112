import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import type { KeyOption } from '../../plugin/index.ts'
import { createApp, issuer } from '../fixtures/app.ts'
import { skipWithoutPyJwt, startPyJwt } from '../fixtures/pyjwt.ts'
import { forge, type Signer } from '../fixtures/tokens.ts'

t.setTimeout(600_000)

const pairs = {
  EdDSA: generateKeyPairSync('ed25519'),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 })
}
type Name = keyof typeof pairs
const names = Object.keys(pairs) as Name[]
const entry = (alg: Name, state: KeyOption['state']): KeyOption => ({
  key: pairs[alg].privateKey,
  alg,
  kid: alg,
  state
})

t.test(
  'a service that has only PyJWT verifies our tokens from our JWKS route, whatever key signs',
  skipWithoutPyJwt,
  async (t) => {
    const verify = startPyJwt(t)
    let active: Name = 'EdDSA'
    const keys = async () => names.map((name) => entry(name, name === active ? 'active' : 'next'))
    // PyJWT uses the machine's clock.
    const { app } = await createApp({ plugin: { keys, clock: Date.now } })
    const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/.well-known/jwks.json`
    t.teardown(() => app.close())
    const asked = (token: string) => ({ url, token, algorithms: names, audience: issuer, issuer })

    for (const alg of names) {
      active = alg
      t.equal(await app.keys.reload(), true)
      const token = await app.accessTokens.sign({ sub: 'machine', scope: 'notes:read' })
      t.match(
        await verify(asked(token)),
        { iss: issuer, aud: issuer, sub: 'machine', scope: 'notes:read' },
        `${alg} signs`
      )
      const [header, , signature] = token.split('.')
      const forged = `${header}.${Buffer.from('{"sub":"root"}').toString('base64url')}.${signature}`
      const refusals: [string, Parameters<typeof verify>[0], string][] = [
        ['another payload', asked(forged), 'InvalidSignatureError'],
        ['another audience', { ...asked(token), audience: 'https://else.example.com' }, 'InvalidAudienceError'],
        ['another issuer', { ...asked(token), issuer: 'https://else.example.com' }, 'InvalidIssuerError'],
        ['an algorithm that it does not want', { ...asked(token), algorithms: ['HS256'] }, 'InvalidAlgorithmError']
      ]
      for (const [what, ask, expected] of refusals) t.equal(await verify(ask), expected, `${alg} signs: ${what}`)
    }
  }
)

t.test('PyJWT refuses a key that our JWKS route does not publish', skipWithoutPyJwt, async (t) => {
  const verify = startPyJwt(t)
  const { app } = await createApp({ plugin: { keys: [entry('ES256', 'active')], clock: Date.now } })
  const url = `${await app.listen({ port: 0, host: '127.0.0.1' })}/.well-known/jwks.json`
  t.teardown(() => app.close())
  const seconds = Math.floor(Date.now() / 1000)
  const by: Signer = { alg: 'EdDSA', kid: 'EdDSA', key: pairs.EdDSA.privateKey }
  const token = forge(by, { claims: { iat: seconds, exp: seconds + 600 } })
  t.equal(await verify({ url, token, algorithms: names, audience: issuer, issuer }), 'PyJWKClientError')
})
