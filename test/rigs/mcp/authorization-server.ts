// `oidc-provider` as the authorization server of an MCP resource: with registration of clients, PKCE, its own pages
// for login and consent, and access tokens for one resource (RFC 8707).
import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import Provider from 'oidc-provider'
import type { Test } from 'tap'
import { makeSigningKey } from '../../fixtures/identity-provider.ts'
import { listen } from '../../fixtures/issuer.ts'

export const machine = { id: 'machine', secret: randomBytes(32).toString('base64url') }
const scope = 'notes:read notes:write'

/** A client with a user. It is registered before, so that it can request every scope. */
export const inspector = 'inspector'

export async function startAuthorizationServer(t: Test, { redirectUri }: { redirectUri?: string } = {}) {
  let listener: RequestListener = () => {}
  const { url } = await listen(t, (request, response) => listener(request, response))
  const provider = new Provider(url, {
    jwks: { keys: [makeSigningKey('a')] },
    clients: [
      {
        client_id: machine.id,
        client_secret: machine.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_basic'
      },
      ...(redirectUri === undefined
        ? []
        : [
            {
              client_id: inspector,
              application_type: 'native' as const,
              redirect_uris: [redirectUri],
              token_endpoint_auth_method: 'none' as const
            }
          ])
    ],
    scopes: ['openid', 'offline_access', ...scope.split(' ')],
    pkce: { required: () => true },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope,
          audience: resource,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } }
        })
      }
    },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id }) })
  })
  listener = provider.callback()
  const failures: Error[] = []
  provider.on('server_error', (_context, error) => failures.push(error))

  return {
    url,
    failures,
    /** By client credentials: a token of this resource. */
    async accessToken(resource: string, scope: string): Promise<string> {
      const response = await fetch(`${url}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${machine.id}:${machine.secret}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope })
      })
      const body = (await response.json()) as { access_token?: string }
      if (body.access_token === undefined) throw new Error(`no token: ${JSON.stringify(body)}`)
      return body.access_token
    }
  }
}
