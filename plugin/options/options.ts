import { undefinedProblem } from '../arguments.ts'
import { accessTokenDefaults, accessTokenShape, resolveAccessToken, type AccessTokenOptions } from './access-token.ts'
import { cookieDefaults, cookiesShape, resolveCookies, type CookiesOptions } from './cookies.ts'
import { environmentShape, resolveEnvironment, type EnvironmentOptions } from './environment.ts'
import { issuerShape, resolveIssuer, type IssuerOptions } from './issuer.ts'
import { keysDefaults, keysShape, resolveKeys, type KeysOptions } from './keys.ts'
import { metadataDefaults, metadataShape, resolveMetadata, type MetadataOptions } from './metadata.ts'
import { optionError } from './option-error.ts'
import {
  refreshTokenDefaults,
  refreshTokenShape,
  resolveRefreshToken,
  type RefreshTokenOptions
} from './refresh-token.ts'
import { resolveResources, resourcesShape, type ResourcesOptions } from './resources.ts'
import { resolveRevocation, revocationDefaults, revocationShape, type RevocationOptions } from './revocation.ts'
import { jwksDefaults, protectDefault, resolveRoutes, routesShape, type RoutesOptions } from './routes.ts'
import { secretShape, type SecretOptions } from './secret.ts'
import { checkShape, isObject } from './check-shape.ts'
import { objectOf } from './shape.ts'
import { resolveTrustedIssuers, trustedIssuersShape, type TrustedIssuersOptions } from './trusted-issuers.ts'

/** Every option of the plugin but `store`. Each group is documented, checked and resolved in a file of its own. */
export interface Options
  extends
    IssuerOptions,
    SecretOptions,
    KeysOptions,
    TrustedIssuersOptions,
    CookiesOptions,
    RoutesOptions,
    MetadataOptions,
    ResourcesOptions,
    EnvironmentOptions {
  /** The access tokens that this application issues and accepts. Default: every member has its own. */
  readonly accessToken?: AccessTokenOptions | undefined
  /** Sessions, and the refresh tokens that continue them. Default: every member has its own. */
  readonly refreshToken?: RefreshTokenOptions | undefined
  /** How this process learns which sessions were revoked elsewhere. Default: every member has its own. */
  readonly revocation?: RevocationOptions | undefined
}

export const optionsShape = objectOf(
  {
    ...issuerShape,
    ...secretShape,
    ...keysShape,
    ...trustedIssuersShape,
    accessToken: accessTokenShape,
    refreshToken: refreshTokenShape,
    ...cookiesShape,
    revocation: revocationShape,
    ...routesShape,
    ...metadataShape,
    ...resourcesShape,
    ...environmentShape
  },
  { required: ['issuer'] }
)

/** Every default that is a plain value. */
export const optionDefaults = Object.freeze({
  ...keysDefaults,
  accessToken: accessTokenDefaults,
  refreshToken: refreshTokenDefaults,
  cookies: cookieDefaults,
  revocation: revocationDefaults,
  jwks: jwksDefaults,
  metadata: metadataDefaults,
  protect: protectDefault
})

/** The options as the plugin uses them: complete, consistent and frozen. They contain no secret and no key. */
export type Settings = ReturnType<typeof resolveOptions>

/**
 * Checks the options, fills in every default and freezes the result. `secret` and `keys` are not part of it: they go
 * only to the factories that sign with them.
 * @throws TypeError that names the option
 */
export function resolveOptions(given: Options) {
  const options = withoutUndefined(given) as Options
  checkShape(optionsShape, options)
  const accessToken = resolveAccessToken(options.accessToken)
  const issuer = resolveIssuer(options)
  const trusted = resolveTrustedIssuers(options)
  const routes = resolveRoutes(options)
  return Object.freeze({
    ...issuer,
    ...resolveKeys(options),
    ...trusted,
    accessToken,
    refreshToken: resolveRefreshToken(options.refreshToken, accessToken),
    ...resolveCookies(options),
    revocation: resolveRevocation(options.revocation),
    ...routes,
    ...resolveMetadata(options, { ...issuer, ...routes }),
    ...resolveResources(options, { ...issuer, ...trusted }),
    ...resolveEnvironment(options)
  })
}

const nested = new Set(['accessToken', 'refreshToken', 'cookies', 'revocation', 'jwks', 'metadata'])
/** Their defaults accept more than a value would: `{ protect: MODES.typo }` would open every route without needs. */
const restricting = new Set(['protect', 'accessToken.claims', 'refreshToken.claims', 'revocation.whenStale'])

/**
 * Treats an option that is `undefined` as absent, except one that restricts.
 * @throws TypeError that names an option that must not be `undefined`
 */
function withoutUndefined(value: unknown, parent = ''): unknown {
  if (!isObject(value)) return value
  const present = Object.entries(value).filter(([key, member]) => {
    if (member === undefined) assertDispensable(`${parent}${key}`)
    return member !== undefined
  })
  return Object.fromEntries(
    present.map(([key, member]) => {
      const name = `${parent}${key}`
      return [key, nested.has(name) ? withoutUndefined(member, `${name}.`) : member]
    })
  )
}

function assertDispensable(name: string): void {
  // Usually an environment variable that is not set.
  if (name === 'secret') throw optionError(name, 'is missing: is the environment variable set?')
  if (restricting.has(name)) throw optionError(name, undefinedProblem)
}
