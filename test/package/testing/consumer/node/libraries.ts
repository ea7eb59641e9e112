import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestAuth } from 'fastify-authenticate/testing'
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'

const url = 'https://login.example.com'
const audience = 'https://notes.example.com'

const auth = createTestAuth()
const issuer = auth.issuer(url)
issuer.trust({ audience })

/** What oauth4webapi finds out about the issuer. */
async function discover(algorithm: 'oauth2' | 'oidc') {
  const response = await oauth.discoveryRequest(new URL(url), { algorithm, [oauth.customFetch]: issuer.fetch })
  return await oauth.processDiscoveryResponse(new URL(url), response)
}

test('createRemoteJWKSet() of jose reads the keys of the issuer', async () => {
  const { jwks_uri: uri } = await discover('oidc')
  assert.ok(uri)
  const keys = createRemoteJWKSet(new URL(uri), { [customFetch]: issuer.fetch })
  const token = await issuer.token({ sub: 'carol' })
  const { payload } = await jwtVerify(token, keys, { issuer: url, audience, typ: 'at+jwt', requiredClaims: ['exp'] })
  assert.equal(payload.sub, 'carol')
  const strange = await auth.issuer('https://other.example.com').token({ sub: 'carol' })
  await assert.rejects(jwtVerify(strange, keys), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

test('oauth4webapi discovers the issuer, and validates its access tokens', async () => {
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const server = await discover(algorithm)
    const token = await issuer.token({ sub: 'carol', client_id: 'notes' })
    const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } })
    const claims = await oauth.validateJwtAccessToken(server, request, audience, { [oauth.customFetch]: issuer.fetch })
    assert.equal(claims.sub, 'carol')
  }
})
