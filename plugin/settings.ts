import { Type, TypeGuard, type Static, type TSchema } from '@sinclair/typebox'
import { Value, ValueErrorType, type ValueError } from '@sinclair/typebox/value'
import { keyStates, optionError, sameSiteValues, withoutUndefined, type KeyOption, type Options } from './options.ts'

const day = 86_400

function whole(minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `>= ${minimum}` : `between ${minimum} and ${maximum}`
  return Type.Optional(Type.Integer({ minimum, maximum, must: `be a whole number ${range}` }))
}

function oneOf<const T extends readonly string[]>(values: T) {
  return Type.Optional(
    Type.Union(
      values.map((value) => Type.Literal(value as T[number])),
      { must: `be one of ${values.join(', ')}` }
    )
  )
}

const text = Type.String({ minLength: 1, must: 'be a non-empty string' })
const flag = Type.Optional(Type.Boolean({ must: 'be true or false' }))
const fn = Type.Optional(Type.Function([], Type.Any(), { must: 'be a function' }))
const object = { additionalProperties: false, must: 'be an object' }

function oneOrMore(must: string) {
  return Type.Union([text, Type.Array(text, { minItems: 1, must })], { must })
}

const types = 'be a type, a list of types, or false'
const typeShape = Type.Optional(
  Type.Union([Type.Literal(false), text, Type.Array(text, { minItems: 1, must: types })], { must: types })
)
const keyList = 'be a non-empty list of { key, kid?, alg?, state? }'
const keyListShape = Type.Array(
  Type.Object(
    {
      key: Type.Any(),
      kid: Type.Optional(Type.String({ minLength: 1, maxLength: 256, must: 'be a string of 1 to 256 characters' })),
      alg: Type.Optional(text),
      state: oneOf(keyStates)
    },
    object
  ),
  { minItems: 1, must: keyList }
)

const shape = Type.Object(
  {
    issuer: text,
    audience: Type.Optional(oneOrMore('be a non-empty string or a list of them')),
    secret: Type.Optional(Type.Any()),
    keys: Type.Optional(Type.Union([fn, keyListShape], { must: `${keyList}, or a function that returns one` })),
    keysReloadSeconds: whole(1, 86_400),
    trustedIssuers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            issuer: text,
            audience: oneOrMore('be a non-empty string or a list of them'),
            jwksUri: Type.Optional(text),
            jwks: Type.Optional(Type.Object({ keys: Type.Array(Type.Any()) }, { must: 'be a JWK Set' })),
            algorithms: Type.Array(text, { minItems: 1, must: 'be a non-empty list' }),
            type: typeShape,
            maxLifetimeSeconds: whole(1),
            map: fn
          },
          object
        ),
        { must: 'be a list' }
      )
    ),
    accessToken: Type.Optional(
      Type.Object(
        {
          lifetimeSeconds: whole(1),
          clockToleranceSeconds: whole(0, 300),
          maxLifetimeSeconds: whole(1),
          type: typeShape,
          claims: Type.Optional(Type.Any()),
          cacheSize: whole(0, 10_000_000)
        },
        object
      )
    ),
    refreshToken: Type.Optional(
      Type.Object(
        {
          idleSeconds: whole(1),
          absoluteSeconds: whole(1),
          maxSessions: whole(1, 10_000),
          retrySeconds: whole(0, 60),
          lateRetries: whole(0, 100),
          claims: fn
        },
        object
      )
    ),
    cookies: Type.Optional(
      Type.Union(
        [
          Type.Literal(false),
          Type.Object(
            {
              access: Type.Optional(text),
              refresh: Type.Optional(text),
              sameSite: oneOf(sameSiteValues),
              domain: Type.Optional(text),
              secure: flag,
              renew: flag
            },
            object
          )
        ],
        { must: 'be false or an object' }
      )
    ),
    trustedOrigins: Type.Optional(Type.Array(Type.String({ must: 'be a string' }), { must: 'be a list of origins' })),
    revocation: Type.Optional(
      Type.Object(
        {
          pollSeconds: whole(1, 3600),
          maxStalenessSeconds: whole(1),
          whenStale: oneOf(['accept', 'refuse'])
        },
        object
      )
    ),
    jwks: Type.Optional(
      Type.Union(
        [
          Type.Literal(false),
          Type.Object(
            {
              path: Type.Optional(Type.String({ pattern: '^/', must: 'start with "/"' }))
            },
            object
          )
        ],
        { must: 'be false or an object' }
      )
    ),
    protect: oneOf(['declared', 'all']),
    realm: Type.Optional(text),
    onEvent: fn,
    clock: fn
  },
  object
)

export type Settings = ReturnType<typeof resolveSettings>
export type CookieSettings = NonNullable<Settings['cookies']>

/**
 * Turns what the application wrote into frozen settings, with every default filled in and every contradiction refused.
 * Keys and secrets are looked at by `tokens/`.
 * @throws TypeError that names the option
 */
export function resolveSettings(given: Options) {
  const options = withoutUndefined(given) as Static<typeof shape> & Options
  checkShape(shape, options)
  const accessToken = {
    lifetimeSeconds: 600,
    clockToleranceSeconds: 5,
    maxLifetimeSeconds: day,
    type: 'at+jwt' as string | readonly string[] | false,
    cacheSize: 10_000,
    claims: undefined,
    ...options.accessToken
  }
  const refreshToken = {
    idleSeconds: 14 * day,
    absoluteSeconds: 30 * day,
    maxSessions: 100,
    retrySeconds: 10,
    lateRetries: 4,
    claims: undefined,
    ...options.refreshToken
  }
  checkLifetimes(accessToken, refreshToken)
  if (accessToken.claims !== undefined && !TypeGuard.IsSchema(accessToken.claims)) {
    throw optionError('accessToken.claims', 'must be a schema of @sinclair/typebox 0.34')
  }
  return Object.freeze({
    issuer: options.issuer,
    audience: Object.freeze([options.audience ?? options.issuer].flat()),
    secret: options.secret,
    keys: (options.keys ?? []) as NonNullable<Options['keys']>,
    keysReloadSeconds: options.keysReloadSeconds ?? 300,
    trustedIssuers: options.trustedIssuers ?? [],
    accessToken: Object.freeze({
      ...accessToken,
      claims: accessToken.claims as TSchema | undefined,
      types: accessToken.type === false ? null : Object.freeze([accessToken.type].flat())
    }),
    refreshToken: Object.freeze({
      ...refreshToken,
      claims: refreshToken.claims as NonNullable<Options['refreshToken']>['claims']
    }),
    cookies: options.cookies === false ? null : resolveCookies(options.cookies ?? {}),
    trustedOrigins: new Set((options.trustedOrigins ?? []).map(checkOrigin)) as ReadonlySet<string>,
    revocation: Object.freeze({ pollSeconds: 1, maxStalenessSeconds: 30, whenStale: 'accept', ...options.revocation }),
    jwks: options.jwks === false ? null : Object.freeze({ path: '/.well-known/jwks.json', ...options.jwks }),
    protect: options.protect ?? 'declared',
    realm: checkRealm(options.realm ?? options.issuer),
    onEvent: options.onEvent ?? (() => {}),
    clock: options.clock ?? Date.now
  })
}

/**
 * The option `keys` as a function returns it. An empty list is a source that has lost its keys, not a wish to sign with
 * the secret.
 * @throws TypeError that names the option
 */
export function checkKeyList(keys: unknown): readonly KeyOption[] {
  checkShape(Type.Object({ keys: keyListShape }), { keys })
  return keys as readonly KeyOption[]
}

function checkShape(shape: TSchema, options: unknown): void {
  let error = Value.Errors(shape, options).First()
  // Of a union, the branch that was meant says more than the union does: the one whose mistake lies deeper.
  const deeper = error?.type === ValueErrorType.Union ? error.errors.at(-1)?.First() : undefined
  if (error && deeper && deeper.path.length > error.path.length) error = deeper
  if (error) throw optionError(error.path.slice(1).replaceAll('/', '.') || 'options', wording(error))
}

function wording(error: ValueError): string {
  // Key material can stand where it does not belong: of what stands under `keys`, only a short word for `alg` or `state` is shown.
  const isWord = /^\/keys\/\d+\/(alg|state)$/.test(error.path) && /^\w{0,16}$/.test(String(error.value))
  const secret = /^\/keys(?!\w)/.test(error.path) && !isWord
  if (error.type === ValueErrorType.ObjectAdditionalProperties) return 'is not an option'
  if (error.type === ValueErrorType.ObjectRequiredProperty) return 'is missing'
  return `must ${error.schema.must ?? error.message}: received ${secret ? kindOf(error.value) : show(error.value)}`
}

function show(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return JSON.stringify(value) ?? String(value)
  }
  return kindOf(value)
}

function kindOf(value: unknown): string {
  return value === null || value === undefined
    ? String(value)
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`
}

function checkLifetimes(
  access: { lifetimeSeconds: number; maxLifetimeSeconds: number },
  refresh: { idleSeconds: number; absoluteSeconds: number; retrySeconds: number }
): void {
  if (access.lifetimeSeconds > access.maxLifetimeSeconds) {
    throw optionError(
      'accessToken.lifetimeSeconds',
      `must be <= "accessToken.maxLifetimeSeconds" (${access.maxLifetimeSeconds}): it is ${access.lifetimeSeconds}`
    )
  }
  if (refresh.retrySeconds >= access.lifetimeSeconds) {
    throw optionError(
      'refreshToken.retrySeconds',
      `must be < "accessToken.lifetimeSeconds" (${access.lifetimeSeconds}): it is ${refresh.retrySeconds}`
    )
  }
  const least = access.lifetimeSeconds + refresh.retrySeconds
  if (refresh.idleSeconds <= least) {
    throw optionError(
      'refreshToken.idleSeconds',
      `must be > "accessToken.lifetimeSeconds" + "refreshToken.retrySeconds" (${least}): it is ${refresh.idleSeconds}`
    )
  }
  if (refresh.idleSeconds > refresh.absoluteSeconds) {
    throw optionError(
      'refreshToken.idleSeconds',
      `must be <= "refreshToken.absoluteSeconds" (${refresh.absoluteSeconds}): it is ${refresh.idleSeconds}`
    )
  }
}

function resolveCookies(given: Exclude<NonNullable<Options['cookies']>, false>) {
  const secure = given.secure ?? true
  const prefix = !secure ? '' : given.domain === undefined ? '__Host-' : '__Secure-'
  const cookies = {
    access: given.access ?? `${prefix}access`,
    refresh: given.refresh ?? `${prefix}refresh`,
    sameSite: given.sameSite ?? 'lax',
    domain: given.domain,
    renew: given.renew ?? false,
    secure
  }
  for (const name of ['access', 'refresh'] as const) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(cookies[name])) {
      throw optionError(`cookies.${name}`, 'must be a cookie name (RFC 6265 §4.1.1)')
    }
    if (/^__host-/i.test(cookies[name]) && prefix !== '__Host-') {
      throw optionError(
        `cookies.${name}`,
        'must not begin with "__Host-" when "cookies.domain" is set or "cookies.secure" is false'
      )
    }
    if (/^__secure-/i.test(cookies[name]) && !secure) {
      throw optionError(`cookies.${name}`, 'must not begin with "__Secure-" when "cookies.secure" is false')
    }
  }
  if (cookies.access === cookies.refresh) throw optionError('cookies.refresh', 'must differ from "cookies.access"')
  if (cookies.sameSite === 'none' && !secure) {
    throw optionError('cookies.sameSite', 'must not be "none" when "cookies.secure" is false')
  }
  if (!secure && process.env.NODE_ENV === 'production') {
    throw optionError('cookies.secure', 'must not be false in production')
  }
  if (cookies.domain !== undefined && !/^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(cookies.domain)) {
    throw optionError('cookies.domain', 'must be a host name')
  }
  return Object.freeze(cookies)
}

function checkOrigin(origin: string, index: number): string {
  if (!URL.canParse(origin) || new URL(origin).origin !== origin || origin === 'null' || origin.includes('*')) {
    throw optionError(
      `trustedOrigins.${index}`,
      `must be an exact origin such as "https://app.example.com", without a path or a wildcard: received ${show(origin)}`
    )
  }
  return origin
}

function checkRealm(realm: string): string {
  if (!/^[\x20-\x7e]+$/.test(realm)) throw optionError('realm', 'must be printable ASCII (it defaults to "issuer")')
  return realm
}
