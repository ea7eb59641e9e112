import { Kind, Type, TypeRegistry, type TSchema } from '@sinclair/typebox'
import t from 'tap'
import { createApp, issuer } from '../fixtures/app.ts'
import { base, register } from '../fixtures/registration.ts'

const closed = { additionalProperties: false }
const roles = { roles: Type.Array(Type.String()) }
const standard = {
  iss: Type.String(),
  aud: Type.String(),
  sub: Type.String(),
  exp: Type.Integer(),
  iat: Type.Number(),
  jti: Type.String(),
  sid: Type.Optional(Type.String()),
  auth_time: Type.Optional(Type.Integer())
}
const unexpected = 'Unexpected property'

t.test('register() refuses a schema that rejects a standard claim of every session, and names the claim', async (t) => {
  const { sid: _sid, ...withoutSession } = standard
  const { auth_time: _time, ...withoutTime } = standard
  const rows: [string, TSchema, string, string][] = [
    ['a closed object', Type.Object(roles, closed), 'iss', unexpected],
    ['one that forgets a claim', Type.Object({ ...withoutSession, ...roles }, closed), 'sid', unexpected],
    ['one from before auth_time', Type.Object({ ...withoutTime, ...roles }, closed), 'auth_time', unexpected],
    [
      'a closed intersection',
      Type.Intersect([Type.Object(roles), Type.Object({ plan: Type.Literal('gold') })], {
        unevaluatedProperties: false
      }),
      'iss',
      unexpected
    ],
    ['a closed member of an intersection', Type.Intersect([Type.Object(roles, closed)]), 'iss', unexpected],
    ['a closed union', Type.Union([Type.Object(roles, closed), Type.Object({}, closed)]), 'iss', unexpected],
    [
      'typed additional properties',
      Type.Object(roles, { additionalProperties: Type.String() }),
      'exp',
      'Expected string'
    ],
    ['a record of text', Type.Record(Type.String(), Type.String()), 'exp', 'Expected string'],
    ['a number', Type.Object({ sub: Type.Integer() }), 'sub', 'Expected integer'],
    [
      'a union of other types',
      Type.Object({ sub: Type.Union([Type.Number(), Type.Null()]) }),
      'sub',
      'Expected number'
    ],
    ['a list', Type.Object({ aud: Type.Array(Type.String()) }), 'aud', 'Expected array'],
    ['another issuer', Type.Object({ iss: Type.Literal('https://former.example') }), 'iss', 'https://former.example'],
    ['never', Type.Object({ jti: Type.Optional(Type.Never()) }), 'jti', 'Never'],
    ['a format without a sample', Type.Object({ id: Type.String({ format: 'uuid' }) }, closed), 'iss', unexpected]
  ]
  for (const [what, claims, claim, reported] of rows) {
    const problem = new RegExp(
      `^Cannot register fastify-authenticate: "accessToken.claims" must accept the claim "${claim}" as every ` +
        `session's token has it: the schema reports ".*${reported}.*". Declare it, or allow additional properties$`
    )
    await t.rejects(register({ ...base, accessToken: { claims } }), { name: 'TypeError', message: problem }, what)
  }
  await t.rejects(register({ ...base, accessToken: { claims: Type.Object({ nbf: Type.Number() }) } }), {
    name: 'TypeError',
    message:
      'Cannot register fastify-authenticate: "accessToken.claims" must not require "nbf": no token of ours has it'
  })
})

t.test('register() refuses a schema that no token can match', async (t) => {
  const rows: [string, TSchema, string][] = [
    ['never', Type.Never(), 'match the claims of some token: no JSON value matches it'],
    ['not anything', Type.Not(Type.Unknown()), 'match the claims of some token: no JSON value matches it'],
    ['a text', Type.String(), 'accept an object of claims: the schema reports "Expected string"'],
    ['a literal', Type.Literal('a'), `accept an object of claims: the schema reports "Expected 'a'"`],
    [
      'a claim that must not exist',
      Type.Object({ plan: Type.Never() }),
      'match the claims of some token: no JSON value matches "plan"'
    ],
    [
      'a date, which JSON does not have',
      Type.Object({ profile: Type.Object({ born: Type.Date() }) }),
      'match the claims of some token: no JSON value matches "profile.born"'
    ],
    [
      'contradictory bounds',
      Type.Object({ plan: Type.String({ minLength: 9, maxLength: 3 }) }),
      'match the claims of some token: no JSON value matches "plan"'
    ],
    [
      'the type of a scope',
      Type.Object({ scope: Type.Array(Type.String()) }),
      'accept the claim "scope" as a session\'s token may have it: the schema reports "Expected array"'
    ],
    [
      'the type of amr',
      Type.Object({ amr: Type.Array(Type.Integer()) }),
      'accept the claim "amr" as a session\'s token may have it: the schema reports "Expected integer"'
    ],
    [
      'the form of jti',
      Type.Object({ jti: Type.String({ pattern: '^[0-9a-f]{8}-' }) }),
      'accept the claim "jti" as every session\'s token has it: the schema reports "Expected string to match ' +
        "'^[0-9a-f]{8}-'\". Declare it, or allow additional properties"
    ]
  ]
  for (const [what, claims, problem] of rows) {
    const message = `Cannot register fastify-authenticate: "accessToken.claims" must ${problem}`
    await t.rejects(register({ ...base, accessToken: { claims } }), { name: 'TypeError', message }, what)
  }
})

t.test('register() accepts a schema that depends on what the application signs in', async (t) => {
  TypeRegistry.Set('Tenant', (_schema, value) => value === 'a')
  TypeRegistry.Set('Region', (_schema, value) => (value as string).startsWith('eu-'))
  const variant = (kind: string) => Type.Object({ kind: Type.Literal(kind), ...standard }, closed)
  const rows: [string, TSchema][] = [
    ['required claims of its own', Type.Object(roles)],
    ['a closed object with all of them', Type.Object({ ...standard, ...roles }, closed)],
    ['an optional scope', Type.Object({ ...standard, scope: Type.Optional(Type.String()) }, closed)],
    ['a required scope', Type.Object({ scope: Type.String(), acr: Type.String(), amr: Type.Array(Type.String()) })],
    ['a pattern for sub', Type.Object({ sub: Type.String({ pattern: '^user-\\d+$' }) })],
    ['a format for sub', Type.Object({ sub: Type.String({ format: 'uuid' }) })],
    ['a choice of sub', Type.Object({ sub: Type.Union([Type.Literal('a'), Type.Literal('b')]) })],
    ['a length of sub', Type.Object({ sub: Type.String({ minLength: 20 }) })],
    ['a late exp', Type.Object({ exp: Type.Integer({ minimum: 2 ** 40 }) })],
    ['a kind of its own', Type.Object({ tenant: { [Kind]: 'Tenant' } as TSchema })],
    ['a kind of its own that reads its value', Type.Object({ region: { [Kind]: 'Region' } as TSchema })],
    [
      'a closed intersection with all of them',
      Type.Intersect([Type.Object(standard), Type.Object(roles)], { unevaluatedProperties: false })
    ],
    ['closed variants', Type.Union([variant('user'), variant('admin')])],
    ['one open variant', Type.Union([Type.Object({ a: Type.String() }, closed), Type.Object({ b: Type.String() })])],
    ['several audiences', Type.Object({ aud: Type.Union([Type.String(), Type.Array(Type.String())]) })],
    ['a subject from a list', Type.Object({ sub: Type.Unsafe({ ...Type.String(), enum: ['a'] }) })],
    ['a type of scope that no session has', Type.Object({ scope: Type.Optional(Type.Array(Type.String())) })],
    ['an optional acr of another type', Type.Object({ acr: Type.Optional(Type.Number()) })],
    [
      'a type of all other claims that amr does not have',
      Type.Object({}, { additionalProperties: Type.Union([Type.String(), Type.Number()]) })
    ],
    [
      'a required claim that is not described',
      Type.Intersect([Type.Object({ plan: Type.String() }), Type.Object({}, { required: ['plan'] })])
    ],
    ['a forbidden scope', Type.Object({ scope: Type.Optional(Type.Never()) })],
    ['the form of every jti', Type.Object({ jti: Type.String({ pattern: '^[\\w-]{22}$', minLength: 22 }) })],
    ['a format of jti that is registered later', Type.Object({ jti: Type.String({ format: 'token-id' }) })],
    ['a recursive claim', Type.Object({ tree: Type.Recursive((This) => Type.Object({ children: Type.Array(This) })) })]
  ]
  for (const [what, claims] of rows) {
    await t.resolves(register({ ...base, accessToken: { claims } }), what)
  }
})

t.test('a session can start and refresh under a closed schema that passes the check', async (t) => {
  const claims = Type.Object({ ...standard, ...roles, scope: Type.Optional(Type.String()) }, closed)
  const server = await createApp({ plugin: { accessToken: { claims } } })
  const { access, refresh } = await server.signIn('bearer', { scope: 'a', claims: { roles: ['admin'] } })
  t.match(await server.app.accessTokens.verify(access), { iss: issuer, roles: ['admin'] })
  const response = await server.app.inject({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })
  t.equal(response.statusCode, 200)
})
