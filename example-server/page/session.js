import { errorOf, send, Unavailable } from './server.js'
import { connectTabs, inTurn } from './tabs.js'

/**
 * The claims of the access token.
 * @typedef {object} User
 * @property {string} sid
 * @property {string} name
 * @property {number} exp
 * @property {number} iat
 */

/**
 * @typedef {object} Access
 * @property {number} exp as the server sent it; identifies the access token
 * @property {number} until when the access token expires, by this machine's clock, in ms
 * @property {number} lifetimeMs
 */

/**
 * @typedef {object} Credentials
 * @property {string} username
 * @property {string} password
 * @property {boolean} remember whether the user stays signed in after the browser is closed
 */

/** @typedef {import('./server.js').ApiRequest} ApiRequest */
/** @typedef {import('./server.js').ApiResponse} ApiResponse */
/** @typedef {ReturnType<typeof createSession>} Session */

/** Refusals after which a refresh may help. The server clears a cookie that it cannot read. */
const renewable = new Set(['AUTH_EXPIRED_TOKEN', 'AUTH_INVALID_TOKEN'])

/**
 * Who is signed in by cookie, and until when; renews the access token before it expires. Dispatches `change` (another
 * user, nobody, or not known any more), `renewed`, `unavailable` and `available`. The workshop dispatches `device` on
 * it when its own session starts or ends.
 */
export function createSession() {
  const session = new EventTarget()
  /**
   * `undefined`: not known yet; `null`: nobody.
   * @type {User | null | undefined}
   */
  let user
  /** @type {Access} */
  let access = { exp: 0, until: 0, lifetimeMs: 0 }
  let timer = 0
  let isAvailable = true
  let isSigningOut = false
  /**
   * The latest call of `identify()`.
   * @type {{ done?: Promise<void> }}
   */
  let latest = {}
  const tabs = connectTabs((message) => (message.access && user ? setAccess(message.access) : identify()))

  /** @param {'change' | 'renewed' | 'unavailable' | 'available'} type */
  function emit(type) {
    session.dispatchEvent(new Event(type))
  }

  /** @param {User | null | undefined} next */
  function setUser(next) {
    const isSame = next ? next.sid === user?.sid : next === user
    user = next
    if (!next) clearTimeout(timer)
    if (!isSame) emit('change')
  }

  /** @param {Access} next */
  function setAccess(next) {
    const isSame = next.exp === access.exp
    access = next
    clearTimeout(timer)
    // When a third of its lifetime is left, so that a short outage of the server does not matter.
    timer = setTimeout(renew, Math.max(0, next.until - next.lifetimeMs / 3 - Date.now()))
    if (!isSame) emit('renewed')
  }

  /**
   * Repeats a request while the server is unavailable, as long as the response is wanted. Resolves to `null` otherwise.
   * @param {ApiRequest} request
   * @param {() => boolean} isWanted
   */
  async function sendUntilAvailable(request, isWanted) {
    while (isWanted()) {
      try {
        const response = await send(request)
        if (!isAboutSession(response)) throw new Unavailable()
        setAvailable(true)
        return response
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        const { retryAfterMs } = error
        if (!isWanted()) return null
        setAvailable(false)
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs))
      }
    }
    return null
  }

  /** @param {ApiRequest} request */
  async function sendInAnyCase(request) {
    return /** @type {ApiResponse} */ (await sendUntilAvailable(request, () => true))
  }

  /** @param {boolean} next */
  function setAvailable(next) {
    if (next === isAvailable) return
    isAvailable = next
    emit(next ? 'available' : 'unavailable')
  }

  /** Resolves when it is known who is signed in. Responses may overtake each other: that of the latest call counts. */
  async function identify() {
    /** @type {{ done?: Promise<void> }} */
    const call = (latest = {})
    call.done = askWhoIsSignedIn(() => call === latest)
    await call.done
  }

  /**
   * @param {() => boolean} isLatest
   * @param {{ mayRenew: boolean }} options
   * @returns {Promise<void>}
   */
  async function askWhoIsSignedIn(isLatest, { mayRenew } = { mayRenew: true }) {
    const response = await sendUntilAvailable({ method: 'GET', path: '/me' }, isLatest)
    if (response === null || !isLatest()) return await latest.done
    if (response.status === 200) {
      setAccess(accessOf(response))
      setUser(userOf(response))
    } else if (!mayRenew || !renewable.has(errorOf(response).code ?? '')) {
      setUser(null)
    } else if (await renew()) {
      await askWhoIsSignedIn(isLatest, { mayRenew: false })
    }
  }

  /** Refreshes once per access token, however many tabs are open. Resolves to whether the session continues. */
  async function renew() {
    const before = access.exp
    return await inTurn(async () => {
      if (access.exp > before) return true
      // Another tab may have refreshed, and its message may still be on its way: the cookie shows it already.
      const me = await sendInAnyCase({ method: 'GET', path: '/me' })
      if (me.status === 200 && userOf(me).exp > before) {
        setAccess(accessOf(me))
        return true
      }
      return await refresh()
    })
  }

  async function refresh() {
    const before = latest
    const response = await sendInAnyCase({ method: 'POST', path: '/auth/refresh' })
    if (response.status === 200) {
      const { expires_in: expiresIn } = /** @type {{ expires_in: number }} */ (response.body)
      const { seconds, skewMs } = response
      setAccess(accessOf({ body: { iat: seconds, exp: seconds + expiresIn }, skewMs }))
      tabs.send({ access })
      return true
    }
    // The cookie has been replaced since the request was sent, so the session is alive.
    if (errorOf(response).code === 'AUTH_REFRESH_SUPERSEDED') return true
    // A later call of `identify()` has newer information.
    if (latest === before) setUser(null)
    return false
  }

  /**
   * Sends a request of the user; if the access token has expired meanwhile, renews it and sends the request again.
   * @param {ApiRequest} request
   */
  async function call(request) {
    const sid = user?.sid
    const response = await send(request)
    if (response.status !== 401) return response
    await identify()
    // Never as another user who has signed in meanwhile.
    return user && user.sid === sid ? await send(request) : response
  }

  /** @param {Credentials} credentials */
  async function signIn(credentials) {
    const body = { ...credentials, transport: 'cookie' }
    const response = await send({ method: 'POST', path: '/auth/login', body })
    if (response.status === 200) await onChange()
    return response
  }

  /** @param {Credentials} credentials */
  async function signUp(credentials) {
    const { username, password } = credentials
    const response = await send({ method: 'POST', path: '/auth/register', body: { username, password } })
    return response.status === 201 ? await signIn(credentials) : response
  }

  async function signOut() {
    isSigningOut = true
    try {
      await send({ method: 'POST', path: '/auth/logout' })
      await onChange()
    } catch (error) {
      // The server may have signed out although the response was lost.
      onChange()
      throw error
    } finally {
      isSigningOut = false
    }
  }

  async function onChange() {
    tabs.send({})
    await identify()
  }

  // Timers are late after the machine slept, or in a tab that was hidden for a long time.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && user && access.until < Date.now()) identify()
  })

  // The browser may keep the page, and show it again to another person.
  window.addEventListener('pagehide', () => setUser(undefined))
  window.addEventListener('pageshow', ({ persisted }) => persisted && identify())

  return Object.assign(session, {
    identify,
    renew,
    call,
    signIn,
    signUp,
    signOut,
    isSigningOut: () => isSigningOut,
    user: () => user,
    access: () => access
  })
}

/**
 * Whether the response is the server's own statement about the session; a proxy may send 401 or 403 as well.
 * @param {ApiResponse} response
 */
function isAboutSession(response) {
  return response.status === 200 || (response.status === 401 && Boolean(errorOf(response).code?.startsWith('AUTH_')))
}

/** @param {ApiResponse} response of `GET /me` with status 200 */
function userOf({ body }) {
  return /** @type {User} */ (body)
}

/**
 * @param {Pick<ApiResponse, 'body' | 'skewMs'>} response whose body has `exp` and `iat`
 * @returns {Access}
 */
function accessOf({ body, skewMs }) {
  const { exp, iat } = /** @type {Pick<User, 'exp' | 'iat'>} */ (body)
  return { exp, until: exp * 1000 - skewMs, lifetimeMs: (exp - iat) * 1000 }
}
