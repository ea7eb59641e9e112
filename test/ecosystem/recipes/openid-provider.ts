import { generateKeyPairSync } from 'node:crypto'
import type { RequestListener } from 'node:http'
import Provider, { type ClientMetadata, type Configuration, type InteractionResults } from 'oidc-provider'
import type { Test } from 'tap'
import { createCookieJar } from '../../fixtures/cookie-jar.ts'
import { listen } from '../../fixtures/issuer.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const signingKey = { ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'ES256' } as never

/** What the user does when the provider asks for a sign-in. */
type Login = NonNullable<InteractionResults['login']>

/** A real provider on loopback, whose user signs in as the test says, and agrees to everything. */
export async function startProvider(
  t: Test,
  { clients, configuration = {} }: { clients: ClientMetadata[]; configuration?: Configuration }
) {
  const logins: Login[] = []
  let listener: RequestListener = () => {}
  const { url } = await listen(t, (request, response) => listener(request, response))
  const provider: Provider = new Provider(url, {
    jwks: { keys: [signingKey] },
    cookies: { keys: ['a key of the cookies of the provider'] },
    clients,
    acrValues: ['pwd', 'mfa'],
    claims: { openid: ['sub', 'auth_time', 'acr', 'amr'] },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, id: 583231 }) }),
    // Its own refuses loopback addresses.
    fetch: async (url, options) => await fetch(url, { ...options, dispatcher: undefined } as unknown as RequestInit),
    ...configuration,
    features: { devInteractions: { enabled: false }, ...configuration.features }
  })
  provider.on('server_error', (_context, error) => {
    throw error
  })
  const handle = provider.callback()
  listener = async (request, response) => {
    if (!request.url!.startsWith('/interaction/')) return await handle(request, response)
    const login = logins.shift()
    if (login === undefined) throw new Error('the provider asked for a sign-in that nobody expected')
    return await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false })
  }
  return {
    url,
    provider,
    willSignIn(next: Login): void {
      logins.push(next)
    },
    pending: () => logins.length
  }
}

/** A browser: keeps cookies, and says where a request comes from. */
export function createBrowser() {
  const jar = createCookieJar(Date.now)

  async function visit(url: string, { from = 'none', ...init }: RequestInit & { from?: string } = {}) {
    const headers = { cookie: jar.header(url), 'sec-fetch-site': from, ...(init.headers as object) }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) jar.set(url, line)
    return response
  }

  return {
    jar,
    visit,
    /** Follows redirects until a response that does not redirect, or to a URL that begins with `until`. */
    async follow(start: string, until?: string): Promise<{ url: string; response: Response }> {
      let url = start
      let response = await visit(url)
      for (let hops = 0; hops < 20; hops++) {
        const location = response.headers.get('location')
        if (location === null) return { url, response }
        url = new URL(location, url).href
        if (until !== undefined && url.startsWith(until)) return { url, response }
        response = await visit(url, { from: 'cross-site' })
      }
      throw new Error('too many redirects')
    }
  }
}
