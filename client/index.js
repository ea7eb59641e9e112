export { AuthUnavailable } from './unavailable.js'

/** @typedef {import('./auth.ts').AuthOptions} AuthOptions */
/** @typedef {import('./auth.ts').AuthStorage} AuthStorage */
/** @typedef {import('./auth.ts').AuthEventType} AuthEventType */
/**
 * @template [User={ readonly sid: string }]
 * @typedef {import('./auth.ts').Auth<User>} Auth
 */

/**
 * @template [User={ readonly sid: string }]
 * @param {AuthOptions} options
 * @returns {Auth<User>}
 */
export function createAuth({ refresh, signOut, me, baseUrl = location.href, transport = 'cookie', ...options }) {
  const auth = new EventTarget()
  const send = options.fetch ?? globalThis.fetch.bind(globalThis)
  /** @type {User | null | undefined} */
  let user
  /** @type {Record<string, string>} */
  let tokens = {}

  /** @param {'signed-in' | 'signed-out' | 'refreshed'} type */
  const emit = (type) => auth.dispatchEvent(new Event(type))

  /** @param {string | URL | Request} input @param {RequestInit} [init] */
  const once = async (input, init) => {
    const request = input instanceof Request ? input.clone() : new URL(input, baseUrl)
    const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined))
    if (tokens.access_token) headers.set('authorization', `Bearer ${tokens.access_token}`)
    return await send(request, { ...init, headers, ...(transport === 'cookie' && { credentials: 'include' }) })
  }

  const renew = async () => {
    const init =
      transport === 'bearer'
        ? {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ refresh_token: tokens.refresh_token })
          }
        : {}
    const response = await send(new URL(refresh, baseUrl), { method: 'POST', credentials: 'include', ...init })
    if (response.ok) tokens = await response.json()
    if (response.ok) emit('refreshed')
    return response.ok
  }

  /** @param {string | URL | Request} input @param {RequestInit} [init] */
  const authFetch = async (input, init) => {
    const response = await once(input, init)
    if (response.status !== 401) return response
    const { code } = await response.clone().json()
    return code === 'AUTH_EXPIRED_TOKEN' && (await renew()) ? await once(input, init) : response
  }

  const identify = async () => {
    const response = me ? await authFetch(me) : null
    user = response?.ok ? await response.json() : null
    emit(user ? 'signed-in' : 'signed-out')
  }
  Promise.resolve().then(identify)

  return /** @type {any} */ (
    Object.defineProperty(
      Object.assign(auth, {
        fetch: authFetch,
        /** @param {Response | object} response */
        async signedIn(response) {
          tokens = response instanceof Response ? await response.clone().json() : response
          await identify()
        },
        async signOut() {
          if (signOut) await authFetch(signOut, { method: 'POST' })
          tokens = {}
          user = null
          emit('signed-out')
        },
        close() {}
      }),
      'user',
      { get: () => user }
    )
  )
}
