import { createExpiry } from './expiry.js'
import { createIdentify } from './identify.js'
import { readOptions } from './options.js'
import { createRefresh } from './refresh.js'
import { createRequest } from './request.js'
import { maxPauseMs, outcomeOf, retryAfterMs } from './response.js'
import { createSessions } from './session.js'
import { connectTabs } from './tabs.js'
import { createTokenStore, issuedOf } from './tokens.js'
import { AuthUnavailable } from './unavailable.js'

export { AuthUnavailable }

/** @typedef {import('./auth.ts').AuthOptions} AuthOptions */
/** @typedef {import('./auth.ts').AuthStorage} AuthStorage */
/** @typedef {import('./auth.ts').AuthEventType} AuthEventType */
/** @typedef {import('./auth.ts').SignedOutReason} SignedOutReason */
/** @typedef {import('./auth.ts').AuthDetails} AuthDetails */
/**
 * @template [User={ readonly sid: string }]
 * @typedef {import('./auth.ts').Auth<User>} Auth
 */

/**
 * Creates a client of the session that this browser's tabs share. It asks `me` who is signed in.
 * ```ts
 * const auth = createAuth({ refresh: '/refresh', signOut: '/logout', me: '/me' })
 * auth.addEventListener('signed-in', () => console.log(auth.user))
 * const response = await auth.fetch('/notes')
 * ```
 * @template [User={ readonly sid: string }] what `me` responds
 * @param {AuthOptions} options
 * @returns {Auth<User>}
 * @throws TypeError that names a wrong option
 */
export function createAuth(options) {
  const settings = readOptions(options)
  const { isBearer, storage } = settings
  const name = `fastify-authenticate ${settings.refresh}`
  const ending = new AbortController()
  const closing = ending.signal
  /** @type {any} */
  const auth = new EventTarget()
  /** @type {Promise<unknown>} the tokens of the storage are known */
  let ready
  const sessions = createSessions({
    // After the message to the other tabs: a listener may open a dialog.
    emit: (type, detail) => queueMicrotask(() => auth.dispatchEvent(new CustomEvent(type, { detail }))),
    onToken() {
      refresh.pause(0)
      refresh.arm()
    },
    onSignIn: () => identify()
  })
  const store = isBearer ? createTokenStore(name, storage) : undefined
  /** Tokens in memory are this client's own. */
  const tabs =
    isBearer && !storage
      ? undefined
      : connectTabs(name, {
          onMessage,
          onClaim: () => refresh.pause(1500),
          isFree: () => refresh.isFree(),
          signal: closing
        })
  const refresh = createRefresh(settings, {
    sessions,
    store,
    tabs,
    sync,
    end,
    onRefresh: () => post('refreshed'),
    closing
  })
  const identify = createIdentify(settings, { sessions, refresh, request: () => request, closing })

  /** Another tab may have stored other tokens. Resolves to those that are stored. */
  async function sync() {
    const { now } = sessions
    const { sid, token } = now
    const stored = await store?.load()
    // What has been read may be older than what has arrived meanwhile.
    const isOld = now !== sessions.now || now.token !== token
    if (!store || isOld || (sid !== undefined && stored?.access === token)) return stored
    if (stored) sessions.acceptIssued(stored)
    else sessions.start(null, sid ? 'sign-out' : undefined)
    return stored
  }

  /** @param {'sign-out' | 'ended'} reason */
  function end(reason) {
    post('out', reason)
    store?.save(null)
    sessions.start(null, reason)
  }

  /**
   * @param {import('./tabs.js').Message['type']} type
   * @param {string} [reason]
   */
  function post(type, reason) {
    const { sid, expiry } = sessions.now
    tabs?.post({ type, sid, left: expiry.left(), ms: expiry.ms, reason })
  }

  /**
   * What another tab says, and what it means here. With `bearer`, the storage is read instead of the message.
   *
   * | message     | its session is this tab's | this tab knows no session  | this tab has another one, or nobody  |
   * | ----------- | ------------------------- | -------------------------- | ------------------------------------ |
   * | `in`        | another token             | another session starts     | another session starts               |
   * | `refreshed` | another token             | this session, and a token  | ask `me`: a sign-in has been missed  |
   * | `out`       | nobody is signed in       | nobody is signed in        | ask `me`, if it names no session     |
   * | `pause`     | the server is unavailable | the server is unavailable  | the server is unavailable            |
   * @param {import('./tabs.js').Message} message
   */
  function onMessage({ type, sid, left, ms, reason }) {
    const { now } = sessions
    const isSame = sid === now.sid
    const isOurs = isSame || now.sid === undefined
    if (type === 'pause') {
      sessions.setAvailable(false)
      refresh.pause(Math.min(Number(left) || 0, maxPauseMs))
    } else if (type === 'out') {
      if (isOurs) sessions.start(null, reason)
      // That tab did not know whose session it has ended.
      else if (!sid) check()
    } else if (!sid || !/^(in|refreshed)$/.test(type)) {
      // Of another version of this module, or of another script.
    } else if (store) sync()
    else if (type === 'in' && !isSame) signIn({ sid: `${sid}` }, createExpiry(left, ms))
    else if (isOurs) sessions.accept({ sid: `${sid}` }, createExpiry(left, ms))
    else identify()
  }

  /**
   * What is not known yet, or nobody's, must not be taken for the session that begins.
   * @param {Pick<import('./tokens.js').Issued, 'sid' | 'access'>} issued
   * @param {import('./expiry.js').Expiry} expiry
   */
  function signIn({ sid, access }, expiry) {
    sessions.start(sid)
    Object.assign(sessions.now, { token: access, expiry })
    refresh.arm()
    return identify()
  }

  function start() {
    ready = sync()
    ready.then(identify)
  }

  /** @param {any} event The page may have slept, been offline, or been in the back/forward cache. */
  function onWake({ type, persisted }) {
    if (type === 'pagehide' && persisted) {
      tabs?.close()
      // The browser may show the page to another person, with the responses that have arrived meanwhile.
      sessions.start(undefined, 'hidden')
      return
    }
    if (type === 'online') refresh.wake()
    if (persisted) {
      tabs?.open()
      start()
    } else sync()
    refresh.check()
  }

  for (const type of ['visibilitychange', 'online', 'storage', 'pagehide', 'pageshow']) {
    globalThis.addEventListener?.(type, onWake, { signal: closing })
  }
  start()
  /** Whether the session is over: the refresh route knows it as well as `me`. */
  const check = settings.me ? identify : refresh.attempt
  const request = createRequest(settings, { sessions, refresh, check, ready: () => ready })

  Object.defineProperty(auth, 'user', { get: () => sessions.now.user })
  return Object.assign(auth, {
    fetch: request,

    /** @param {any} response */
    async signedIn(response) {
      const body = response?.clone ? await response.clone().json() : response
      const issued = response?.ok !== false && issuedOf(body, isBearer)
      if (!issued) {
        throw new TypeError(`signedIn() requires a response of reply.signIn(): received ${Object.keys(body ?? {})}`)
      }
      const known = signIn(issued, createExpiry(issued.ms))
      await store?.save(issued)
      post('in')
      await known
    },

    async signOut() {
      const mine = sessions.now
      if (!settings.signOut) throw new TypeError('signOut() requires the option "signOut"')
      const { response, code } = await outcomeOf(request(settings.signOut, { method: 'POST', redirect: 'error' }))
      if (mine !== sessions.now) return
      if (response?.ok || code) return end('sign-out')
      // The server may have signed out although the response was lost.
      check()
      throw new AuthUnavailable(retryAfterMs(response, 3))
    },

    close() {
      ending.abort()
      tabs?.close()
      sessions.now.end.abort(new DOMException('close() was called', 'AbortError'))
    }
  })
}
