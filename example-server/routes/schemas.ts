import { Type, type Static } from '@sinclair/typebox'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import type { User as Claims } from 'fastify-authenticate'
import { passwordRule } from '../passwords/password-rule.ts'

/**
 * For routes with a body: validates without coercion. Fastify's own compiler would accept `["secret"]` or `1` as a
 * password. A `format` must be added to TypeBox's `FormatRegistry`; until then every value is refused.
 */
export const strictBody: FastifySchemaCompiler<any> = TypeBoxValidatorCompiler

/** The document makes a component of it: see `api-document.ts`. */
export const named = <Schema extends object>(title: string, schema: Schema) => ({ ...schema, title })

export const closed = { additionalProperties: false }

/** PostgreSQL rejects U+0000 in a text. */
export const noNul = '^[^\\u0000]*$'

export const Username = Type.String({
  // ASCII only, so that no two names look alike.
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$',
  description: '2 to 32 letters, digits, ".", "_" or "-", beginning with a letter or digit; case-insensitive'
})

export const NewPassword = Type.String({
  ...passwordRule,
  description: '8 to 256 characters, compared without normalization'
})
export const GivenPassword = Type.String({ ...passwordRule, minLength: 1 })

/** One part of a domain name. */
const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'

/** That of HTML's `<input type="email">`. ASCII only: no two addresses look alike, or become equal in upper case. */
export const Email = Type.String({
  maxLength: 254,
  pattern: `^[A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${label}(\\.${label})*$`,
  description: 'An e-mail address; case-insensitive'
})

export const Registration = named(
  'Registration',
  Type.Object({ username: Username, password: NewPassword, email: Type.Optional(Email) }, closed)
)

export const Login = named(
  'Login',
  Type.Object(
    {
      username: Type.String({
        minLength: 1,
        maxLength: 254,
        pattern: noNul,
        description: 'The username, or the verified e-mail address'
      }),
      password: GivenPassword,
      transport: Type.Optional(
        Type.Union([Type.Literal('bearer'), Type.Literal('cookie')], {
          description: '`bearer` (default): the tokens are in the response. `cookie`: they are in httpOnly cookies'
        })
      ),
      remember: Type.Optional(
        Type.Boolean({
          description:
            'With `cookie`: `false` ends the session in this browser when it is closed. Default: `true`. With ' +
            '`bearer` it has no effect: the client decides by itself how long it keeps its tokens'
        })
      )
    },
    closed
  )
)

export const PasswordChange = named(
  'PasswordChange',
  Type.Object({ current_password: GivenPassword, new_password: NewPassword }, closed)
)

/** Clients with cookies send no body. */
export const OptionalRefreshToken = Type.Union([
  Type.Object({ refresh_token: Type.Optional(Type.String()) }, closed),
  Type.Null()
])

const Tokens = named(
  'Tokens',
  Type.Object(
    {
      access_token: Type.String(),
      token_type: Type.Literal('Bearer'),
      expires_in: Type.Integer({ description: 'Seconds' }),
      refresh_token: Type.String(),
      scope: Type.Optional(Type.String())
    },
    { description: 'With `bearer`: the response of RFC 6749 §5.1' }
  )
)

const CookieSession = named(
  'CookieSession',
  Type.Object(
    {
      session_id: Type.String(),
      expires_in: Type.Integer({ description: 'Seconds until the access cookie must be refreshed' })
    },
    { description: 'With `cookie`: the tokens are in cookies that scripts cannot read' }
  )
)

export const SignedIn = named('SignedIn', Type.Union([Tokens, CookieSession], { description: 'Signed in' }))

/** The token of a link that was sent by mail. */
export const Link = Type.String({ minLength: 1, maxLength: 200 })

/** The application's claims in an access token. */
export const AppClaims = Type.Object({
  name: Type.String(),
  roles: Type.Array(Type.String()),
  remember: Type.Optional(
    Type.Literal(false, { description: 'The session ends when the browser is closed; absent: it stays' })
  )
})

export const Me = Type.Unsafe<Claims>(
  Type.Object(
    {
      iss: Type.String(),
      aud: Type.Union([Type.String(), Type.Array(Type.String())]),
      sub: Type.String(),
      exp: Type.Integer(),
      iat: Type.Integer(),
      jti: Type.Optional(Type.String()),
      sid: Type.Optional(Type.String()),
      scope: Type.Optional(Type.String()),
      ...AppClaims.properties
    },
    { title: 'Claims', description: 'The claims of the access token' }
  )
)

/** Serialized as in RFC 3339. */
export const Time = Type.Unsafe<Date>(Type.String({ format: 'date-time' }))

export const User = named(
  'User',
  Type.Object({
    id: Type.String(),
    username: Type.String(),
    roles: Type.Array(Type.String()),
    created_at: Time
  })
)

/** The caller's own account. */
export const Account = named(
  'Account',
  Type.Object(
    {
      ...User.properties,
      email: Type.Union([Type.String(), Type.Null()], { description: 'The verified address' }),
      pending_email: Type.Union([Type.String(), Type.Null()], { description: 'An address that is not verified yet' })
    },
    { description: 'The account' }
  )
)

export const Passkey = named(
  'Passkey',
  Type.Object({
    id: Type.String(),
    name: Type.String(),
    created_at: Time,
    last_used_at: Type.Union([Time, Type.Null()])
  })
)

export const Session = named(
  'Session',
  Type.Object({
    id: Type.String(),
    device: Type.Union([Type.String(), Type.Null()]),
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
    current: Type.Boolean({ description: 'Whether this request belongs to the session' })
  })
)

export const NewNote = named(
  'NewNote',
  Type.Object({ text: Type.String({ minLength: 1, maxLength: 10_000, pattern: noNul }) }, closed)
)
export const Note = named(
  'Note',
  Type.Object({ id: Type.String(), text: Type.String(), created_at: Time }, { description: 'The note' })
)

export const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64, pattern: noNul }) })

/** A response without a body. */
export const Done = (description: string) => Type.Unsafe<unknown>(Type.Null({ description }))
export const Healthy = named('Health', Type.Object({ status: Type.Literal('ok') }, { description: 'Healthy' }))

declare module 'fastify-authenticate' {
  interface AuthTypes {
    claims: Static<typeof AppClaims>
  }
}
