import { createTokenStore } from './bearer.js'
import { createCurrent } from './current.js'
import { createIdentify } from './identify.js'
import { issuedOf, restored } from './issued.js'
import { codeOf, readJson } from './json.js'
import { readOptions } from './options.js'
import { createPause } from './pause.js'
import { createRefresh } from './refresh.js'
import { createRequest } from './request.js'
import { connectTabs } from './tabs.js'
import { Access } from './access.js'
import { AuthUnavailable } from './unavailable.js'

export { AuthUnavailable }

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
export function createAuth(options) {
  const settings = readOptions(options)
  const { isBearer, storage, me } = settings
  const name = `fastify-authenticate ${settings.refresh}`
  const auth = new EventTarget()
  const end = new AbortController()
  const closing = end.signal

  /** @param {AuthEventType} type */
  const emit = (type) => auth.dispatchEvent(new Event(type))
  let unavailable = 0
  /** @param {boolean} isAvailable */
  const onChange = (isAvailable) => {
    if (isAvailable ? !--unavailable : !unavailable++) emit(isAvailable ? 'available' : 'unavailable')
  }
  const current = createCurrent(emit)
  const pause = createPause({ onChange, closing })
  const store = isBearer ? createTokenStore(name, storage) : undefined
  // Tokens in memory are this client's own, and nobody else refreshes them.
  const tabs = isBearer && !storage ? undefined : connectTabs({ name, onMessage, signal: closing })

  /** @param {'in' | 'refreshed' | 'out'} type */
  function post(type) {
    const { sid, access } = current.session
    tabs?.post({ type, sid: String(sid), leftMs: access.left(), lifetimeMs: access.lifetimeMs })
  }

  /** @param {import('./issued.js').Issued} issued */
  function use({ sid, access, tokens }) {
    const { session } = current
    Object.assign(session, { sid, access, tokens })
    session.stopWaiting()
    refresh.arm()
  }

  /** @param {import('./issued.js').Issued} issued */
  function startWith(issued) {
    current.start(issued.sid)
    use(issued)
  }

  /** @param {import('./issued.js').Issued} issued by a refresh of this tab */
  function onIssued(issued) {
    const { sid } = current.session
    if (sid && sid !== issued.sid) {
      startWith(issued)
      identifyLater()
    } else {
      use(issued)
      emit('refreshed')
    }
    if (issued.tokens) store?.save(issued.tokens)
    post('refreshed')
  }

  /** @param {import('./bearer.js').Tokens | null} tokens that another tab has stored */
  function onStored(tokens) {
    const { session } = current
    if (!tokens) current.end()
    else if (tokens.sid !== session.sid) {
      startWith(restored(tokens))
      identifyLater()
    } else if (tokens.access !== session.tokens?.access) {
      use(restored(tokens))
      emit('refreshed')
    }
  }

  function onRefused() {
    post('out')
    store?.save(null)
    current.end()
  }

  async function load() {
    const { session } = current
    const tokens = store && (await store.load())
    if (store && session === current.session) onStored(tokens ?? null)
  }

  /** @param {import('./tabs.js').Message} message */
  function onMessage({ type, sid, leftMs = 0, lifetimeMs }) {
    const { session } = current
    const isSame = sid === session.sid
    if (type === 'pause') pause.start(leftMs)
    else if (type === 'out') {
      if (isSame || session.sid === undefined) current.end()
    } else if (isBearer) load()
    else if (type === 'refreshed' && (isSame || session.sid === undefined)) {
      pause.succeed()
      use({ sid: String(sid), access: new Access(leftMs, lifetimeMs) })
      emit('refreshed')
    } else if (type === 'in' && !isSame) {
      current.start(sid)
      current.session.access = new Access(leftMs, lifetimeMs)
      identifyLater()
    } else if (type && !isSame && me) identifyLater()
  }

  const refresh = createRefresh({
    settings,
    current,
    pause,
    store,
    tabs,
    onIssued,
    onStored,
    onRefused,
    closing
  })
  const ready = load()
  const request = createRequest({ settings, current, refresh, ready, closing })
  const identify = createIdentify({
    settings,
    current,
    refresh,
    request,
    pause: createPause({ onChange, closing }),
    closing
  })

  function identifyLater() {
    identify().catch(() => {})
  }

  /** @param {Event} event */
  function onWake({ type }) {
    if (type === 'online') pause.end()
    if (type === 'pagehide') tabs?.close()
    if (type === 'pageshow') tabs?.open()
    if (isBearer) load()
    refresh.check()
  }

  for (const type of ['visibilitychange', 'online', 'storage', 'pagehide', 'pageshow']) {
    globalThis.addEventListener?.(type, onWake, { signal: closing })
  }
  ready.then(identifyLater)

  return /** @type {any} */ (
    Object.defineProperty(
      Object.assign(auth, {
        fetch: request,

        /** @param {any} response */
        async signedIn(response) {
          const body = typeof response?.clone === 'function' ? await response.clone().json() : response
          const issued = response?.ok === false ? undefined : issuedOf(body, { isBearer })
          if (!issued) throw new TypeError('signedIn() must be called with the response of reply.signIn()')
          startWith(issued)
          await store?.save(issued.tokens ?? null)
          post('in')
          await identify()
        },

        async signOut() {
          const { session } = current
          if (!settings.signOut) throw new TypeError('signOut() requires the option "signOut" of createAuth()')
          try {
            const response = await request(settings.signOut, { method: 'POST', redirect: 'error' })
            if (!response.ok && !(response.status === 401 && codeOf(await readJson(response)))) {
              throw new AuthUnavailable(1000)
            }
          } catch (error) {
            if (session !== current.session) return
            identifyLater()
            throw error
          }
          if (session === current.session) onRefused()
        },

        close: () => end.abort(new DOMException('close() was called', 'AbortError'))
      }),
      'user',
      { get: () => current.session.user }
    )
  )
}
