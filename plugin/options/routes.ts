import { withDefaults } from './with-defaults.ts'
import { falseOr, objectOf, oneOf, textOf } from './shape.ts'

const protectValues = ['declared', 'all'] as const

/** The routes that the plugin adds and protects. */
export interface RoutesOptions {
  /**
   * `declared`: routes with `config.auth` require a user. `all`: every route requires a user unless it has
   * `config: { auth: false }`. Default `declared`. Must not be `undefined`.
   */
  readonly protect?: (typeof protectValues)[number]
  /**
   * The public route that serves the public keys (RFC 7517 §5). `false` for none. Default: on, if `keys` has asymmetric
   * keys or is a function.
   */
  readonly jwks?:
    | false
    | {
        /** Begins with `/`; below the prefix of the plugin's context. Default: `/.well-known/jwks.json`. */
        readonly path?: string | undefined
      }
    | undefined
}

export const jwksDefaults = Object.freeze({ path: '/.well-known/jwks.json' })
export const protectDefault: (typeof protectValues)[number] = 'declared'

const path = textOf({ must: 'start with "/"', matches: (value) => value.startsWith('/') })

export const routesShape = {
  protect: oneOf(protectValues),
  jwks: falseOr(objectOf({ path }))
}

export function resolveRoutes({ protect = protectDefault, jwks = {} }: RoutesOptions) {
  return { protect, jwks: jwks === false ? null : Object.freeze(withDefaults(jwks, jwksDefaults)) }
}
