import t from 'tap'
import { resolveOptions } from '../../plugin/options/options.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { base, register } from '../fixtures/registration.ts'
import { idp, mcp, trustedFor } from '../fixtures/resources.ts'

t.test('resolveResources() takes the trusted issuers of a resource as its authorization servers', async (t) => {
  const second = { ...trustedFor(mcp, issuer), issuer: 'https://second.example.com/' }
  const other = { ...trustedFor(issuer), issuer: 'https://other.example.com' }
  const { resources } = resolveOptions({
    issuer,
    secret,
    audience: [issuer, `${issuer}/own`],
    trustedIssuers: [trustedFor(mcp), second, other],
    resources: [{ url: mcp }, { url: `${issuer}/own`, authorizationServers: [idp], scopes: ['a'] }]
  })
  t.strictSame(resources, [
    {
      url: mcp,
      path: '/mcp',
      scopes: null,
      authorizationServers: [idp, second.issuer],
      name: null,
      documentation: null
    },
    {
      url: `${issuer}/own`,
      path: '/own',
      scopes: ['a'],
      authorizationServers: [idp],
      name: null,
      documentation: null
    }
  ])
  for (const part of [resources, resources[0], resources[0]!.authorizationServers]) t.ok(Object.isFrozen(part))
})

t.test('resolveResources() refuses a resource that clients could not use, and names the option', async (t) => {
  const url = 'must be an https URL without credentials, query, fragment and "*" (http only on loopback): received'
  const spelling = (right: string) => `must be written as URL parsers write it, "${right}": received`
  const servers = 'must be https URLs without query and fragment: received'
  const accepted = (url: string) =>
    `must be an accepted audience: add "${url}" to "audience" or to "trustedIssuers[].audience"`
  const at = (url: unknown, more: object = {}) => ({
    resources: [{ url, ...more }],
    trustedIssuers: [trustedFor(url as string)]
  })
  const ok = { trustedIssuers: [trustedFor(mcp)] }
  const rows: [options: Record<string, unknown>, name: string, problem: string][] = [
    [{ resources: [{ url: '' }] }, 'resources.0.url', 'must be a non-empty string: received ""'],
    [{ resources: [{ url: mcp, scope: 'a' }] }, 'resources.0.scope', 'is not an option'],
    ...[
      'x',
      '/mcp',
      'urn:mcp',
      'http://a.example/mcp',
      'https://a.example/#x',
      'https://a.example/mcp?',
      'https://a.example/*'
    ].map((wrong): [Record<string, unknown>, string, string] => [
      at(wrong),
      'resources.0.url',
      `${url} ${JSON.stringify(wrong)}`
    ]),
    // A message may be logged.
    ...['https://u@a.example/', 'https://u:p@a.example/', 'https://u:p/@w@a.example/', 'https://u:p\n@a.example/'].map(
      (wrong): [Record<string, unknown>, string, string] => [
        at(wrong),
        'resources.0.url',
        `${url} "https://…@a.example/"`
      ]
    ),
    [at('https://A.example/mcp'), 'resources.0.url', `${spelling('https://a.example/mcp')} "https://A.example/mcp"`],
    [at('https://a.example:443/'), 'resources.0.url', `${spelling('https://a.example/')} "https://a.example:443/"`],
    [
      at('https://a.example/x/../y'),
      'resources.0.url',
      `${spelling('https://a.example/y')} "https://a.example/x/../y"`
    ],
    [at('https://a.example/é'), 'resources.0.url', `${spelling('https://a.example/%C3%A9')} "https://a.example/é"`],
    ...['%2Fx', '%3A', '%FF'].map((end): [Record<string, unknown>, string, string] => [
      at(`${mcp}${end}`),
      'resources.0.url',
      `must have a path without encoded reserved characters, in UTF-8: received "${mcp}${end}"`
    ]),
    [{ resources: [{ url: mcp }] }, 'resources.0.url', accepted(mcp)],
    [{ ...ok, resources: [{ url: `${mcp}/` }] }, 'resources.0.url', accepted(`${mcp}/`)],
    [
      { audience: mcp, resources: [{ url: mcp }] },
      'resources.0.authorizationServers',
      'is missing: "trustedIssuers" lists no issuer that has the URL of the resource in its "audience"'
    ],
    [
      { ...ok, resources: [{ url: mcp, authorizationServers: [] }] },
      'resources.0.authorizationServers',
      'must be a non-empty list of https URLs: received a list'
    ],
    [
      { ...ok, resources: [{ url: mcp, authorizationServers: ['x'] }] },
      'resources.0.authorizationServers',
      `${servers} "x"`
    ],
    [
      { ...ok, resources: [{ url: mcp, authorizationServers: [`${idp}?x`] }] },
      'resources.0.authorizationServers',
      `${servers} "${idp}?x"`
    ],
    [
      { ...ok, resources: [{ url: mcp, authorizationServers: ['http://keycloak:8080'] }] },
      'resources.0.authorizationServers',
      `${servers} "http://keycloak:8080"`
    ],
    [
      { resources: [{ url: mcp }], trustedIssuers: [{ ...trustedFor(mcp), issuer: 'their name' }] },
      'resources.0.authorizationServers',
      `${servers} "their name"`
    ],
    [
      { ...ok, resources: [{ url: mcp, scopes: [] }] },
      'resources.0.scopes',
      'must be a non-empty list of scopes: received a list'
    ],
    [
      { ...ok, resources: [{ url: mcp, scopes: ['a b'] }] },
      'resources.0.scopes.0',
      'must be a scope token (RFC 6749 §3.3): received "a b"'
    ],
    [{ ...ok, resources: [{ url: mcp, name: '' }] }, 'resources.0.name', 'must be a non-empty string: received ""'],
    [
      { ...ok, resources: [{ url: mcp, documentation: 'x' }] },
      'resources.0.documentation',
      'must be an https URL: received "x"'
    ]
  ]
  rows.push([
    { trustedIssuers: async () => null, resources: [{ url: mcp }] },
    'resources.0.authorizationServers',
    'is missing: "trustedIssuers" lists no issuer that has the URL of the resource in its "audience"'
  ])
  const twice = {
    trustedIssuers: [trustedFor(mcp, 'https://b.example/mcp')],
    resources: [{ url: mcp }, { url: 'https://b.example/mcp' }]
  }
  rows.push([twice, 'resources.1.url', 'must differ from the other resources in its path: "/mcp" is taken'])
  for (const other of [`${mcp}/`, 'https://a.example/MCP']) {
    const spelt = { trustedIssuers: [trustedFor(mcp, other)], resources: [{ url: mcp }, { url: other }] }
    const problem = `must differ from the other resources in its path: "${new URL(other).pathname}" is taken`
    rows.push([spelt, 'resources.1.url', problem])
  }
  for (const [options, name, problem] of rows) {
    const message = `Cannot register fastify-authenticate: "${name}" ${problem}`
    await t.rejects(register({ ...base, ...options }), { name: 'TypeError', message }, message.slice(37))
  }
})
