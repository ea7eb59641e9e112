import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import type { AuthenticateOptions, AuthEvent } from '../../plugin/index.ts'
import { createTestAuth, spoiltTokenCodes, type SpoiltKind } from '../../plugin/testing.ts'
import { rsaKey } from '../fixtures/rsa-key.ts'
import { bearer, start } from '../fixtures/tested-app.ts'
import { decode } from '../fixtures/tokens.ts'

const kinds = Object.keys(spoiltTokenCodes) as SpoiltKind[]
const pem = { type: 'pkcs8', format: 'pem' } as const
const key = (algorithm: object, alg: string) => [{ ...algorithm, alg, kid: 'one' }] as never
const ec = (namedCurve: string) => ({ key: generateKeyPairSync('ec', { namedCurve }).privateKey.export(pem) })
const rsa = { key: rsaKey(2048) }

const signatureLength = (token: string) => token.split('.')[2]!.length

/** The application's keys, by the algorithm that signs. */
const keysOf: Record<string, NonNullable<AuthenticateOptions['keys']> | undefined> = {
  HS256: undefined,
  HS512: key({ key: { kty: 'oct', k: randomBytes(64).toString('base64url') } }, 'HS512'),
  RS256: key(rsa, 'RS256'),
  PS384: key(rsa, 'PS384'),
  ES256: key(ec('P-256'), 'ES256'),
  ES512: key(ec('P-521'), 'ES512'),
  EdDSA: key({ key: generateKeyPairSync('ed25519').privateKey }, 'EdDSA'),
  Ed25519: key({ key: generateKeyPairSync('ed25519').privateKey }, 'Ed25519')
}

/** Why each is refused: nothing else is wrong with it. */
const details: Record<SpoiltKind, string> = {
  expired: 'exp is not in the future',
  otherKey: 'the signature is wrong',
  otherAudience: 'aud must name an accepted audience',
  none: 'alg is not supported',
  revoked: 'the token or its session was revoked'
}

t.test('spoiltToken() is refused for what is wrong with it, whatever the algorithm', async (t) => {
  t.strictSame(spoiltTokenCodes, {
    expired: 'AUTH_EXPIRED_TOKEN',
    otherKey: 'AUTH_INVALID_TOKEN',
    otherAudience: 'AUTH_INVALID_TOKEN',
    none: 'AUTH_INVALID_TOKEN',
    revoked: 'AUTH_REVOKED_TOKEN'
  })
  for (const [alg, keys] of Object.entries(keysOf)) {
    const { auth, get } = await start(t, keys && { keys })
    for (const kind of kinds) {
      const token = await auth.spoiltToken(kind)
      t.strictSame(await get('/me', bearer(token)), [401, spoiltTokenCodes[kind]], `${alg} ${kind}`)
      const { code, detail } = auth.events.at(-1) as Extract<AuthEvent, { type: 'token-refused' }>
      t.strictSame([code, detail], [spoiltTokenCodes[kind], details[kind]], `${alg} ${kind}`)
      t.equal(decode(token, 0).alg, kind === 'none' ? 'none' : alg)
      const [length, good] = [token, (await auth.signIn('alice')).accessToken].map(signatureLength)
      t.equal(length, kind === 'none' ? 0 : good, `${alg} ${kind}: the length of the signature`)
    }
    t.match(await get('/me', await auth.as('alice')), { sub: 'alice' }, `${alg}: other tokens are accepted`)
  }
})

t.test('spoiltToken() differs from a good token in one thing only', async (t) => {
  const { auth } = await start(t)
  const good = (await auth.signIn('alice', { scope: 'notes:read', claims: { plan: 'free' }, roles: ['a'] })).accessToken
  const alike = (token: string) => {
    const { jti, sid, ...payload } = decode(token, 1)
    return { header: decode(token, 0), payload }
  }
  const { header, payload } = alike(good)
  const now = auth.clock.now() / 1000
  const expected: Record<SpoiltKind, object> = {
    expired: { header, payload: { ...payload, iat: now - 600, exp: now } },
    otherKey: { header, payload },
    otherAudience: { header, payload: { ...payload, aud: 'https://another-api.example' } },
    none: { header: { ...header, alg: 'none' }, payload },
    revoked: { header, payload }
  }
  const terms = { sub: 'alice', scope: 'notes:read', claims: { plan: 'free' }, roles: ['a'] }
  for (const kind of kinds) t.strictSame(alike(await auth.spoiltToken(kind, terms)), expected[kind], kind)
  t.match(decode(await auth.spoiltToken('none'), 1), { sub: 'mallory' })
})

t.test('spoiltToken() rejects unknown kinds and terms, and claims that the application could not sign', async (t) => {
  const claims = Type.Object({ tenant: Type.String() })
  const { auth, get } = await start(t, { accessToken: { claims } })
  const unknown = '"kind" must be one of expired, otherKey, otherAudience, none, revoked: received '
  for (const kind of ['old', '', 'toString', undefined]) {
    await t.rejects(auth.spoiltToken(kind as never), new TypeError(unknown + String(kind)))
  }
  for (const terms of [{ transport: 'cookie' }, { crossSite: true }, { kind: 'none' }]) {
    await t.rejects(auth.spoiltToken('none', terms as never), { message: /^unknown member/ })
  }
  await t.rejects(auth.spoiltToken('expired'), { message: /^The claims do not match "accessToken\.claims"/ })
  const token = await auth.spoiltToken('expired', { claims: { tenant: 'a' } })
  t.strictSame(await get('/me', bearer(token)), [401, 'AUTH_EXPIRED_TOKEN'])
  await t.rejects(createTestAuth().spoiltToken('none'), { message: /^No application that is open/ })
})
