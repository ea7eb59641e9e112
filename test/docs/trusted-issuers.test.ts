// Runs the table of providers in docs/trusted-issuers.md.
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import ts from 'typescript'
import type { AuthEvent } from '../../plugin/index.ts'
import { createApp, summaryOf } from '../fixtures/app.ts'
import { providerTokens } from '../fixtures/provider-tokens.ts'
import { providerFunctions, providerRows } from '../fixtures/providers.ts'
import { makeKey } from '../fixtures/issuer.ts'
import { forge, now } from '../fixtures/tokens.ts'
import { accepted, invalid, type TrustedIssuer } from '../fixtures/trusting-app.ts'

/** The rows as options, with the functions that the page defines. */
async function loadRows(t: Test): Promise<Map<string, TrustedIssuer>> {
  const rows = providerRows().map(({ provider, option }) => `[${JSON.stringify(provider)}, ${option}]`)
  const code = `${providerFunctions()}\nexport const rows = new Map([${rows.join(',\n')}])`
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext }
  })
  const file = join(t.testdir(), 'rows.mjs')
  writeFileSync(file, outputText)
  return (await import(pathToFileURL(file).href)).rows
}

/** The provider's network: its discovery document and its keys, where the row says that they are. */
function network({ issuer, jwksUri }: TrustedIssuer, keys: unknown): NonNullable<TrustedIssuer['fetch']> {
  const keysAt = jwksUri ?? 'https://keys.example/jwks'
  const documents: Record<string, unknown> = { [keysAt]: keys }
  if (jwksUri === undefined) {
    documents[`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`] = { issuer, jwks_uri: keysAt }
  }
  return async (url) => new Response(JSON.stringify(documents[url]), { status: url in documents ? 200 : 404 })
}

/** An application that trusts the provider by its row. */
async function createTrusting(t: Test, option: TrustedIssuer) {
  const server = await createApp({
    plugin: { trustedIssuers: [option] },
    after: (app) => {
      app.get('/theirs', { config: { auth: { issuers: [option.issuer] } } }, async ({ user }) => {
        const { scope, roles } = user as { scope?: string; roles?: string[] }
        return { ...(scope !== undefined && { scope }), ...(roles !== undefined && { roles }) }
      })
    }
  })
  t.teardown(() => server.app.close())
  return {
    call: (token: string) => server.app.inject({ url: '/theirs', headers: { authorization: `Bearer ${token}` } }),
    detail: () => server.events().map((event) => (event as Extract<AuthEvent, { type: 'token-refused' }>).detail)
  }
}

t.test('docs/trusted-issuers.md has a row, and a warning about ID tokens, for each provider', async (t) => {
  const names = providerRows().map(({ provider }) => provider)
  t.strictSame(names, [...Object.keys(providerTokens), 'another service with this plugin'])
  const page = readFileSync('docs/trusted-issuers.md', 'utf8')
  const warnings = page.slice(page.indexOf('| provider | ID tokens are refused because |'))
  t.strictSame(
    [...warnings.matchAll(/^\| ([^|]+) \| /gm)].slice(2).map(([, name]) => name),
    names
  )
})

t.test('each row accepts the access tokens of its provider, and refuses others', async (t) => {
  const rows = await loadRows(t)
  const key = makeKey('RS256', 'theirs')
  for (const [provider, { accepted: token, grants, refused }] of Object.entries(providerTokens)) {
    const option = rows.get(provider)!
    const { call, detail } = await createTrusting(t, { ...option, fetch: network(option, { keys: [key.jwk] }) })
    const sign = (header: object, claims: object) =>
      forge(key, {
        header: { ...token.header, ...header },
        claims: { iss: option.issuer, iat: now, exp: now + 3600, aud: undefined, ...token.claims, ...claims }
      })

    const response = await call(sign({}, {}))
    t.strictSame(summaryOf(response), accepted, `${provider}: an access token`)
    t.strictSame(response.json(), grants, `${provider}: what it grants`)
    t.strictSame(detail(), [])
    for (const [name, { header = {}, claims, detail: reason }] of Object.entries(refused)) {
      t.strictSame(summaryOf(await call(sign(header, claims))), invalid, `${provider}: ${name}`)
      t.match(detail(), [reason], `${provider}: why ${name} is refused`)
    }
    const foreign = { iss: `${option.issuer}x` }
    t.strictSame(summaryOf(await call(sign({}, foreign))), invalid, `${provider}: another tenant`)
    const forged = forge(makeKey('ES256', 'theirs'), { claims: { iss: option.issuer, ...token.claims } })
    t.strictSame(summaryOf(await call(forged)), invalid, `${provider}: another key`)
  }
})

t.test('rows grant nothing to a caller whom they do not name, and tolerate claims that are absent', async (t) => {
  const rows = await loadRows(t)
  const grants = (provider: string, claims: Record<string, unknown>) => rows.get(provider)!.map!(claims)
  t.strictSame(grants('Google, service accounts', { sub: '1' }), { roles: [] }, 'any service account of Google')
  t.strictSame(grants('Kubernetes service accounts', { sub: 'system:serviceaccount:other:NAME' }), { roles: [] })
  const nothing = { scope: '', roles: [] }
  t.strictSame(grants('Auth0', {}), nothing)
  t.strictSame(grants('Keycloak', { typ: 'Bearer' }), nothing)
  t.strictSame(grants('Keycloak', { typ: 'Bearer', realm_access: 'x' }), nothing)
  t.strictSame(grants('Okta', { cid: 'x', scp: [1, null], groups: 'admin' }), nothing)
  t.strictSame(grants('WorkOS', { sid: 'x' }), nothing)
  t.strictSame(grants('Clerk', { sid: 'x', sts: 'active' }), { roles: [] }, 'no organization')
  t.strictSame(grants('Zitadel', { jti: 'x' }), { roles: [] })
  t.strictSame(grants('Firebase', { firebase: { sign_in_provider: 'password' } }), { roles: [] })
})

t.test('the row of another service accepts what it signs for this API', async (t) => {
  const option = (await loadRows(t)).get('another service with this plugin')!
  const { app } = await createApp({
    plugin: { issuer: option.issuer, keys: [{ key: generateKeyPairSync('ed25519').privateKey }] }
  })
  t.teardown(() => app.close())
  const { call, detail } = await createTrusting(t, { ...option, fetch: network(option, app.keys.jwks()) })
  const worker = { sub: 'worker', scope: 'notes:read', claims: { roles: ['editor'] } }
  const response = await call(await app.accessTokens.sign({ ...worker, audience: 'https://api.example.com' }))
  t.strictSame(summaryOf(response), accepted)
  t.strictSame(response.json(), { scope: 'notes:read', roles: ['editor'] })

  t.strictSame(summaryOf(await call(await app.accessTokens.sign(worker))), invalid, 'its own tokens')
  t.strictSame(detail(), ['aud must name an accepted audience'])
})
