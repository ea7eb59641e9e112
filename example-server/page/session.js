import { ask, Unavailable } from './server.js'
import { createTabs, inTurn } from './tabs.js'

/** Refusals that a refresh may heal; the server clears a cookie that it cannot read. */
const renewable = new Set(['AUTH_EXPIRED_TOKEN', 'AUTH_INVALID_TOKEN'])

/**
 * Who is signed in by cookie, and until when; renews the access token before it ends. Emits `change` (somebody else,
 * nobody, or not known any more), `renewed`, `unavailable` and `available`; others emit `device` on it where they have
 * signed in once more, or out again.
 */
export function createSession() {
  const session = new EventTarget()
  /** `undefined`: not known yet; `null`: nobody. */
  let user
  let access = { exp: 0, until: 0, lifetimeMs: 0 }
  let timer
  let isAvailable = true
  let isSigningOut = false
  /** The latest call of `identify()`. */
  let latest
  const tabs = createTabs((message) => (message.access && user ? setAccess(message.access) : identify()))

  function emit(type) {
    session.dispatchEvent(new Event(type))
  }

  function setUser(next) {
    const isSame = next ? next.sid === user?.sid : next === user
    user = next
    if (!next) clearTimeout(timer)
    if (!isSame) emit('change')
  }

  function setAccess(next) {
    const isSame = next.exp === access.exp
    access = next
    clearTimeout(timer)
    // With a third of its life left: time enough for a server that is away for a moment.
    timer = setTimeout(renew, Math.max(0, next.until - next.lifetimeMs / 3 - Date.now()))
    if (!isSame) emit('renewed')
  }

  /** Goes on asking while the server is away, and the answer is wanted: nobody is signed out by that. */
  async function untilAnswered(method, path, isWanted = () => true) {
    while (isWanted()) {
      try {
        const answer = await ask(method, path)
        if (!isAboutSession(answer)) throw new Unavailable()
        setAvailable(true)
        return answer
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        if (!isWanted()) return
        setAvailable(false)
        await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs))
      }
    }
  }

  function setAvailable(next) {
    if (next === isAvailable) return
    isAvailable = next
    emit(next ? 'available' : 'unavailable')
  }

  /** Resolves when it is known who is signed in. Answers may overtake each other: what the latest call hears counts for all. */
  function identify() {
    const call = (latest = {})
    call.done = look(() => call === latest)
    return call.done
  }

  async function look(isLatest, mayRenew = true) {
    const answer = await untilAnswered('GET', '/me', isLatest)
    if (!isLatest()) return await latest.done
    if (answer.status === 200) {
      setAccess(accessOf(answer))
      setUser(answer.body)
    } else if (!mayRenew || !renewable.has(answer.body.code)) {
      setUser(null)
    } else if (await renew()) {
      await look(isLatest, false)
    }
  }

  /** One refresh a period, however many tabs are open. Resolves to whether the session goes on. */
  async function renew() {
    const before = access.exp
    return await inTurn(async () => {
      if (access.exp > before) return true
      // Another tab's message may be under way still; what it did is in the cookie.
      const me = await untilAnswered('GET', '/me')
      if (me.status === 200 && me.body.exp > before) {
        setAccess(accessOf(me))
        return true
      }
      return await refresh()
    })
  }

  async function refresh() {
    const before = latest
    const { status, body, seconds, skewMs } = await untilAnswered('POST', '/auth/refresh')
    if (status === 200) {
      setAccess(accessOf({ body: { iat: seconds, exp: seconds + body.expires_in }, skewMs }))
      tabs.tell({ access })
      return true
    }
    // The cookie has changed since it was sent: the session is alive.
    if (body.code === 'AUTH_REFRESH_SUPERSEDED') return true
    // Whoever has asked meanwhile knows better.
    if (latest === before) setUser(null)
    return false
  }

  /** Asks for something of the user's; a token that has expired meanwhile is renewed on the way. */
  async function call(...request) {
    const sid = user?.sid
    const answer = await ask(...request)
    if (answer.status !== 401) return answer
    await identify()
    // Not in the name of whoever came after.
    return user && user.sid === sid ? await ask(...request) : answer
  }

  async function signIn(username, password) {
    const answer = await ask('POST', '/auth/login', { username, password, transport: 'cookie' })
    if (answer.status === 200) await changed()
    return answer
  }

  async function signUp(username, password) {
    const answer = await ask('POST', '/auth/register', { username, password })
    return answer.status === 201 ? await signIn(username, password) : answer
  }

  async function signOut() {
    isSigningOut = true
    try {
      await ask('POST', '/auth/logout')
      await changed()
    } catch (error) {
      // It may be the answer that was lost.
      changed()
      throw error
    } finally {
      isSigningOut = false
    }
  }

  async function changed() {
    tabs.tell({})
    await identify()
  }

  // Timers of a machine that slept, or of a tab that was hidden for long, are late.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && user && access.until < Date.now()) identify()
  })

  // The browser may keep the page, and show it again when somebody else sits there.
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

/** Everything else is said by something that stands between. */
function isAboutSession({ status, body }) {
  return status === 200 || (status === 401 && Boolean(body.code?.startsWith('AUTH_')))
}

/** `exp` as the server says it, to tell tokens apart; `until` by this machine's clock. */
function accessOf({ body: { exp, iat }, skewMs }) {
  return { exp, until: exp * 1000 - skewMs, lifetimeMs: (exp - iat) * 1000 }
}
