import { createKeeper } from './keeper.js'
import { readOptions } from './options.js'
import { createRequest } from './request.js'
import { outcomeOf, retryAfterMs } from './response.js'
import { abort, createState } from './state.js'
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
 * @template {AuthEventType} Type
 * @typedef {import('./auth.ts').AuthListener<Type>} AuthListener
 */
/**
 * @template [User={ readonly sid: string }]
 * @typedef {import('./auth.ts').Auth<User>} Auth
 */

/**
 * Creates a client of the session that this browser's tabs share. It asks `me` who is signed in, sends requests with
 * the credentials of the session, and refreshes them: one refresh for all tabs and all requests that wait.
 * ```ts
 * const auth = createAuth({ refresh: '/refresh', signOut: '/logout', me: '/me' })
 * auth.addEventListener('signed-in', () => console.log(auth.user))
 * const response = await auth.fetch('/notes')
 * ```
 * @template [User={ readonly sid: string }] what `me` responds
 * @param {AuthOptions} options where the server's routes are, and how tokens are sent
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
  const state = createState(settings, (type, detail) =>
    // After the message to the other tabs: a listener may open a dialog.
    queueMicrotask(() => auth.dispatchEvent(new CustomEvent(type, { detail })))
  )
  const store = isBearer ? createTokenStore(state, { key: name, storage }) : undefined
  /** Tokens in memory are this client's own. */
  const tabs = isBearer && !storage ? undefined : connectTabs(name, { onMessage, state })
  const keeper = createKeeper(settings, { state, store, tabs, end, post, closing })
  const request = createRequest(settings, { state, keeper, ready: () => ready })

  /** @param {'sign-out' | 'ended'} reason */
  function end(reason) {
    post('out', reason)
    store?.save(null)
    state.start(null, reason)
  }

  /**
   * @param {import('./tabs.js').Message['type']} type
   * @param {string} [reason]
   */
  function post(type, reason) {
    const { sid, token } = state.session
    tabs?.post({ type, sid, left: token.left(), ms: token.ms, pause: state.pauseLeft(), reason })
  }

  /**
   * What another tab says, and what it means here. With `bearer`, the storage is read instead of the message.
   *
   * | message     | its session is this tab's | this tab knows no session  | this tab has another one, or nobody  |
   * | ----------- | ------------------------- | -------------------------- | ------------------------------------ |
   * | `in`        | another token             | another session starts     | another session starts               |
   * | `refreshed` | another token             | this session, and a token  | ask `me`: a sign-in has been missed  |
   * | `out`       | nobody is signed in       | nobody is signed in        | ask `me`, if it names no session     |
   * | `leaving`   | `signOut()` was called    | nothing                    | nothing                              |
   * | `pause`     | the server is unavailable | the server is unavailable  | the server is unavailable            |
   * @param {import('./tabs.js').Message} message
   */
  function onMessage({ type, sid, left, ms, pause, reason }) {
    const { session } = state
    const isSame = sid === session.sid
    const isOurs = isSame || session.sid === undefined
    session.isLeaving ||= isSame && type === 'leaving'
    if (type === 'pause') state.fail(pause)
    else if (type === 'out') {
      if (isOurs) state.start(null, reason)
      // That tab did not know whose session it has ended.
      else if (!sid) state.check()
    } else if (!sid || !/^(in|refreshed)$/.test(type)) {
      // Of another version of this module, or of another script.
    } else if (store) store.sync()
    else if (isOurs || type === 'in') state.accept({ sid: `${sid}`, left, ms }, type === 'in' && !isSame)
    else state.identify()
  }

  function open() {
    tabs?.open()
    ready = Promise.resolve(store?.sync())
    ready.then(() => state.identify())
  }

  /** @param {any} event The page may have slept, been offline, or been in the back/forward cache. */
  function onWake({ type, persisted }) {
    if (type === 'pagehide' && persisted) {
      tabs?.close()
      // The browser may show the page to another person, with the responses that have arrived meanwhile.
      state.start(undefined, 'hidden')
      return
    }
    if (type === 'online') state.pause(0)
    if (persisted) open()
    else store?.sync()
    state.change()
  }

  for (const type of ['visibilitychange', 'online', 'storage', 'pagehide', 'pageshow']) {
    globalThis.addEventListener?.(type, onWake, { signal: closing })
  }
  /** @type {Promise<unknown>} the tokens of the storage are known */
  let ready
  open()
  keeper.run()

  Object.defineProperty(auth, 'user', { get: () => state.session.user })
  return Object.assign(auth, {
    fetch: request,

    /** @param {any} response */
    async signedIn(response) {
      const body = response?.clone ? await response.clone().json() : response
      const issued = response?.ok !== false && issuedOf(body, isBearer)
      if (!issued) {
        throw new TypeError(`signedIn() requires a response of reply.signIn(): received ${Object.keys(body ?? {})}`)
      }
      state.accept(issued, true)
      const { session } = state
      await store?.save(issued)
      post('in')
      while (!session.user && !session.end.signal.aborted) await state.wait(1e9)
    },

    async signOut() {
      const mine = state.session
      if (!settings.signOut) throw new TypeError('signOut() requires the option "signOut"')
      // The server may tell another tab that the session has ended before it responds here.
      mine.isLeaving = true
      post('leaving')
      const { response, code } = await outcomeOf(request(settings.signOut, { method: 'POST', redirect: 'error' }))
      if (mine !== state.session) return
      if (response?.ok || code) return end('sign-out')
      // The server may have signed out although the response was lost.
      state.check()
      throw new AuthUnavailable(retryAfterMs(response, 3))
    },

    close() {
      ending.abort()
      tabs?.close()
      abort(state.session)
      state.change()
    }
  })
}
