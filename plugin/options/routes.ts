import { Type } from '@sinclair/typebox'
import { withDefaults } from './with-defaults.ts'
import { falseOr, object, oneOf } from './shape.ts'

const protectValues = ['declared', 'all'] as const

/** The routes that the plugin adds and protects. */
export interface RoutesOptions {
  /**
   * `declared`: routes with `config.auth` require a user. `all`: every route requires a user unless it has
   * `config: { auth: false }`. Default `declared`. Must not be `undefined`.
   */
  readonly protect?: (typeof protectValues)[number]
  /**
   * The public route that serves the public keys (RFC 7517 §5): its path begins with `/`. `false` for none.
   * Default: `/.well-known/jwks.json`, if `keys` has asymmetric keys.
   */
  readonly jwks?: false | { readonly path?: string | undefined } | undefined
}

export const jwksDefaults = Object.freeze({ path: '/.well-known/jwks.json' })
export const protectDefault: (typeof protectValues)[number] = 'declared'

const path = Type.String({ pattern: '^/', must: 'start with "/"' })

export const routesShape = {
  protect: Type.Optional(oneOf(protectValues)),
  jwks: Type.Optional(falseOr(Type.Object({ path: Type.Optional(path) }, object)))
}

export function resolveRoutes({ protect = protectDefault, jwks = {} }: RoutesOptions) {
  return { protect, jwks: jwks === false ? null : Object.freeze(withDefaults(jwks, jwksDefaults)) }
}
