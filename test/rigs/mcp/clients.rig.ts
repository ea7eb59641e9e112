// The official MCP clients, of both generations, against the server of docs/mcp.md.
import {
  Client,
  ClientCredentialsProvider,
  StreamableHTTPClientTransport,
  type OAuthClientProvider
} from '@modelcontextprotocol/client'
import { ClientCredentialsProvider as OldCredentials } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import * as oauth from 'oauth4webapi'
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../../fixtures/browser.ts'
import { listen } from '../../fixtures/issuer.ts'
import { inspector, machine, startAuthorizationServer } from './authorization-server.ts'
import { startRecipe } from './recipe.ts'

t.setTimeout(120_000)
const about = { name: 'rig', version: '1.0.0' }
const agent = await listen(t, (_request, response) => {
  response.setHeader('content-type', 'text/html').end('<title>signed in</title>')
})
const login = await startAuthorizationServer(t, { redirectUri: `${agent.url}/callback` })
const { url } = await startRecipe(t, { login: login.url })
const metadataOf = (origin: string) => `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`

/** The text of a tool's result. */
function textOf(result: unknown): string {
  return (result as { content: { text: string }[] }).content[0]!.text
}

t.test('oauth4webapi discovers the resource, its authorization server, and from there a token', async (t) => {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const resource = new URL(url)
  const server = await oauth.processResourceDiscoveryResponse(
    resource,
    await oauth.resourceDiscoveryRequest(resource, insecure)
  )
  t.strictSame(server, {
    resource: url,
    authorization_servers: [login.url],
    scopes_supported: ['notes:read', 'notes:write'],
    bearer_methods_supported: ['header']
  })
  const issuer = new URL(server.authorization_servers![0]!)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
  const client = { client_id: machine.id }
  const response = await oauth.clientCredentialsGrantRequest(
    as,
    client,
    oauth.ClientSecretBasic(machine.secret),
    { resource: server.resource, scope: 'notes:read' },
    insecure
  )
  const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, response)
  const call = (token: string, body: unknown = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream'
      },
      body: JSON.stringify(body)
    })
  t.equal((await call(token, { jsonrpc: '2.0', id: 1, method: 'ping' })).status, 200)

  const other = await call(await login.accessToken('https://else.example.com/mcp', 'notes:read'))
  t.equal(other.status, 401, 'a token for another resource')
  t.match(other.headers.get('www-authenticate'), `error="invalid_token"`)
  t.match(other.headers.get('www-authenticate'), `scope="notes:read", ${metadataOf(new URL(url).origin)}`)
})

t.test('a client of 2.x signs in by client credentials, and asks for more scope when a tool needs it', async (t) => {
  const authProvider = new ClientCredentialsProvider({
    clientId: machine.id,
    clientSecret: machine.secret,
    expectedIssuer: login.url
  })
  const statuses: number[] = []
  const client = new Client(about)
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider, fetch: recording(statuses) }))
  t.teardown(() => client.close())
  t.strictSame((await client.listTools()).tools.map(({ name }) => name).sort(), ['read_notes', 'write_note'])
  t.equal(textOf(await client.callTool({ name: 'read_notes', arguments: {} })), `the notes of ${machine.id}`)
  t.strictSame(
    statuses.filter((status) => status === 403),
    [],
    'read_notes needs nothing more'
  )
  t.equal((await authProvider.tokens())?.scope, 'notes:read', 'the scope of the challenge')
  t.equal(textOf(await client.callTool({ name: 'write_note', arguments: {} })), 'written')
  t.strictSame(
    statuses.filter((status) => status === 403),
    [403],
    'one step-up'
  )
  t.equal((await authProvider.tokens())?.scope, 'notes:read notes:write')
})

t.test('a client of 1.x signs in by client credentials', async (t) => {
  /** This client asks for the scope that it is configured with, and for no other after a 403. */
  async function connect(scope: string) {
    const given = { clientId: machine.id, clientSecret: machine.secret, expectedIssuer: login.url, scope }
    const client = new OldClient(about)
    await client.connect(new OldTransport(new URL(url), { authProvider: new OldCredentials(given) }))
    t.teardown(() => client.close())
    return client
  }
  const writer = await connect('notes:read notes:write')
  t.equal(textOf(await writer.callTool({ name: 'read_notes', arguments: {} })), `the notes of ${machine.id}`)
  t.equal(textOf(await writer.callTool({ name: 'write_note', arguments: {} })), 'written')
  const reader = await connect('notes:read')
  t.equal(textOf(await reader.callTool({ name: 'read_notes', arguments: {} })), `the notes of ${machine.id}`)
  await t.rejects(reader.callTool({ name: 'write_note', arguments: {} }), { code: 403 })
})

/** What a client keeps, and how it sends its user Alice through the pages of the authorization server. */
async function createUserAgent(t: Test, client?: { client_id: string }) {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const callbacks: URL[] = []
  const redirectUrl = `${agent.url}/callback`
  const saved: Record<string, unknown> = { client }
  const scopes: (string | null)[] = []
  const provider = {
    redirectUrl,
    clientMetadata: {
      client_name: 'rig',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none'
    },
    clientInformation: () => saved.client,
    saveClientInformation(client: unknown) {
      saved.client = client
    },
    tokens: () => saved.tokens,
    saveTokens(tokens: unknown) {
      saved.tokens = tokens
    },
    codeVerifier: () => saved.verifier,
    saveCodeVerifier(verifier: string) {
      saved.verifier = verifier
    },
    discoveryState: () => saved.discovery,
    saveDiscoveryState(state: unknown) {
      saved.discovery = state
    },
    state: () => (saved.state = randomUUID()),
    async redirectToAuthorization(at: URL) {
      scopes.push(at.searchParams.get('scope'))
      t.equal(at.searchParams.get('code_challenge_method'), 'S256')
      t.equal(at.searchParams.get('resource'), url)
      await page.goto(at.href)
      while (!page.url().startsWith(redirectUrl)) {
        if ((await page.locator('input[name=login]').count()) > 0) {
          await page.fill('input[name=login]', 'alice')
          await page.fill('input[name=password]', 'looking-glass')
        }
        await page.click('button[type=submit]')
        await page.waitForLoadState()
      }
      callbacks.push(new URL(page.url()))
    }
  } as unknown as OAuthClientProvider

  /** What the browser returned with. */
  function callback(): [code: string, iss: string] {
    const { searchParams } = callbacks.splice(0).at(-1)!
    t.equal(searchParams.get('state'), saved.state)
    return [searchParams.get('code')!, searchParams.get('iss')!]
  }
  return { provider, scopes, callback }
}

interface Generation {
  readonly name: string
  readonly Connecting: typeof Client
  readonly Transport: typeof StreamableHTTPClientTransport
}

const generations = [
  { name: '2.x', Connecting: Client, Transport: StreamableHTTPClientTransport },
  { name: '1.x', Connecting: OldClient, Transport: OldTransport }
] as unknown as Generation[]

for (const { name, Connecting, Transport } of generations) {
  t.test(
    `a client of ${name} signs Alice in by code and PKCE, and asks her for more scope`,
    skipWithoutBrowser,
    async (t) => {
      // Clients register themselves with the scope of the first challenge: this provider would never grant more.
      const { provider, scopes, callback } = await createUserAgent(t, { client_id: inspector })
      const client = await connect(t, { Connecting, Transport, provider, callback })
      t.equal(textOf(await client.callTool({ name: 'read_notes', arguments: {} })), 'the notes of alice')
      await t.rejects(client.callTool({ name: 'write_note', arguments: {} }), /Unauthorized/, 'the user is asked first')
      await client.transport.finishAuth(...callback())
      t.equal(textOf(await client.callTool({ name: 'write_note', arguments: {} })), 'written')
      t.strictSame(scopes, ['notes:read', 'notes:read notes:write'], 'each time the scope of the challenge')
      t.strictSame(login.failures, [])
    }
  )
}

t.test('a client of 2.x registers itself, and signs Alice in by code and PKCE', skipWithoutBrowser, async (t) => {
  const { provider, callback } = await createUserAgent(t)
  const client = await connect(t, { ...generations[0]!, provider, callback })
  t.equal(textOf(await client.callTool({ name: 'read_notes', arguments: {} })), 'the notes of alice')
})

interface Connection extends Pick<Generation, 'Connecting' | 'Transport'> {
  readonly provider: OAuthClientProvider
  readonly callback: () => [code: string, iss: string]
}

/** Connects a client whose user is sent to the authorization server first. */
async function connect(t: Test, { Connecting, Transport, provider, callback }: Connection) {
  const open = () => new Transport(new URL(url), { authProvider: provider })
  const first = open()
  await t.rejects(new Connecting(about).connect(first), /Unauthorized/)
  await first.finishAuth(...callback())
  const client = new Connecting(about)
  const transport = open()
  await client.connect(transport)
  t.teardown(() => client.close())
  return { callTool: client.callTool.bind(client), transport }
}

function recording(statuses: number[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    statuses.push(response.status)
    return response
  }
}
