import { ask, Unavailable } from './server.js'
import { createTabs, inTurn } from './tabs.js'

/** Refusals that a refresh may heal; the server clears a cookie that it cannot read. */
const renewable = new Set(['AUTH_EXPIRED_TOKEN', 'AUTH_INVALID_TOKEN'])

/**
 * Who is signed in by cookie, and until when; renews the access token before it ends. Emits `change` (somebody else, or
 * nobody), `renewed`, `signing-out`, `unavailable` and `available`; others emit `device` on it where they have signed in
 * once more, or out again.
 */
export function createSession () {
  const session = new EventTarget()
  /** `undefined`: not known yet; `null`: nobody. */
  let user
  let access = { until: 0, lifetimeMs: 0 }
  let timer
  let isAvailable = true
  const tabs = createTabs((message) => message.access && user ? setAccess(message.access) : identify())

  function emit (type) {
    session.dispatchEvent(new Event(type))
  }

  function setUser (next) {
    const isSame = user !== undefined && user?.sid === next?.sid
    user = next
    if (next === null) clearTimeout(timer)
    if (!isSame) emit('change')
  }

  function setAccess (next) {
    const isSame = next.until === access.until
    access = next
    clearTimeout(timer)
    // With a third of its life left: time enough for a server that is away for a moment.
    timer = setTimeout(renew, Math.max(0, next.until - next.lifetimeMs / 3 - Date.now()))
    if (!isSame) emit('renewed')
  }

  /** Goes on asking while the server is away: nobody is signed out by that. */
  async function untilAnswered (...request) {
    for (;;) {
      try {
        const answer = await ask(...request)
        setAvailable(true)
        return answer
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        setAvailable(false)
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs))
      }
    }
  }

  function setAvailable (next) {
    if (next === isAvailable) return
    isAvailable = next
    emit(next ? 'available' : 'unavailable')
  }

  /** Resolves when it is known who is signed in. */
  async function identify (mayRenew = true) {
    const answer = await untilAnswered('GET', '/me')
    if (answer.status === 200) {
      setAccess(accessOf(answer))
      setUser(answer.body)
    } else if (!mayRenew || !renewable.has(answer.body?.code)) {
      setUser(null)
    } else if (await renew()) {
      await identify(false)
    }
  }

  /** One refresh a period, however many tabs are open. Resolves to whether the session goes on. */
  async function renew () {
    const before = access.until
    return await inTurn(async () => {
      if (access.until > before) return true
      // Another tab's message may be under way still; what it did is in the cookie.
      const me = await untilAnswered('GET', '/me')
      if (me.status === 200 && accessOf(me).until > before) {
        setAccess(accessOf(me))
        return true
      }
      return await refresh()
    })
  }

  async function refresh () {
    const { status, body, sentAt } = await untilAnswered('POST', '/auth/refresh')
    if (status === 200) {
      // Expiries are whole seconds.
      const until = (Math.floor(sentAt / 1000) + body.expires_in) * 1000
      setAccess({ until, lifetimeMs: body.expires_in * 1000 })
      tabs.tell({ access })
      return true
    }
    // The cookie has changed since it was sent: the session is alive.
    if (body?.code === 'AUTH_REFRESH_SUPERSEDED') return true
    setUser(null)
    return false
  }

  /** Asks for something of the user's; a token that has expired meanwhile is renewed on the way. */
  async function call (...request) {
    const answer = await ask(...request)
    if (answer.status !== 401) return answer
    await identify()
    return user === null ? answer : await ask(...request)
  }

  async function signIn (username, password) {
    const answer = await ask('POST', '/auth/login', { username, password, transport: 'cookie' })
    if (answer.status === 200) await changed()
    return answer
  }

  async function signUp (username, password) {
    const answer = await ask('POST', '/auth/register', { username, password })
    return answer.status === 201 ? await signIn(username, password) : answer
  }

  async function signOut () {
    emit('signing-out')
    try {
      await ask('POST', '/auth/logout')
    } finally {
      await changed()
    }
  }

  async function changed () {
    tabs.tell({})
    await identify()
  }

  // Timers of a machine that slept, or of a tab that was hidden for long, are late.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && user && access.until < Date.now()) identify()
  })

  return Object.assign(session, { identify, renew, call, signIn, signUp, signOut, user: () => user, access: () => access })
}

/** By this machine's clock. */
function accessOf ({ body: { exp, iat }, skewMs }) {
  return { until: exp * 1000 - skewMs, lifetimeMs: (exp - iat) * 1000 }
}
