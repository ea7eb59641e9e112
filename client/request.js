import { orAbort } from './abort.js'
import { outcomeOf } from './response.js'

/** Each one follows a refusal, and needs another token than the one before. */
const maxRepetitions = 3

/** What `fetch` takes, also from a prototype, as of a `Request`; but for the body and the headers. */
const members = [
  'method',
  'signal',
  'credentials',
  'mode',
  'cache',
  'redirect',
  'referrer',
  'referrerPolicy',
  'integrity',
  'keepalive',
  'duplex'
]

/**
 * `fetch` with the credentials of the session.
 * @param {import('./options.js').Settings} settings
 * @param {object} parts
 * @param {import('./session.js').Sessions} parts.sessions
 * @param {import('./refresh.js').Refresh} parts.refresh
 * @param {() => unknown} parts.check whether the session is over
 * @param {() => Promise<unknown>} parts.ready
 * @returns {typeof globalThis.fetch}
 */
export function createRequest({ base, resolve, send, credentials }, { sessions, refresh, check, ready }) {
  return async (/** @type {any} */ input, /** @type {any} */ given) => {
    const before = sessions.now
    const request = input.url ? input : undefined
    const url = resolve(request ? input.url : input)
    const init = { ...given }
    const headers = new Headers(given?.headers ?? request?.headers)
    const isOmitted = (given?.credentials ?? request?.credentials) === 'omit'
    if (url.origin !== base.origin || headers.has('authorization') || isOmitted) {
      return await send(request ?? url.href, given)
    }
    // A Request is taken apart: its body may be needed twice, and another implementation of fetch may not know it.
    for (const name of members) init[name] ??= given?.[name] ?? request?.[name]
    init.body ??= given?.body
    // Not every browser knows `Request.body`.
    if (request && !/^(get|head)$/i.test(init.method)) {
      init.body ??= await (init.signal ? orAbort(request.blob(), init.signal) : request.blob())
    }
    init.headers = headers
    await ready()
    // What one user began is not sent as the next one.
    before.end.signal.throwIfAborted()
    const mine = sessions.now
    const signal = AbortSignal.any([mine.end.signal, init.signal ?? mine.end.signal])
    signal.throwIfAborted()
    Object.assign(init, credentials, { signal })
    const isStream = init.body?.getReader || init.body?.[Symbol.asyncIterator]

    for (let repetitions = 0; ; repetitions++) {
      const left = mine.expiry.left()
      // A body that cannot be sent again must not meet an expired token.
      if (left <= (isStream ? refresh.leadMs() : 0) || (isStream && left === Infinity)) {
        await refresh.renewed(mine.expiry, signal)
      }
      if (mine.token) headers.set('authorization', `Bearer ${mine.token}`)
      const { expiry } = mine
      const response = await send(url.href, init)
      signal.throwIfAborted()
      if (response.status !== 401 || new URL(response.url || url).origin !== base.origin) return response
      const outcome = await outcomeOf(response.clone())
      // A response to HEAD has no body.
      const isExpiredHead =
        /^head$/i.test(init.method) && /invalid_token/.test(`${response.headers.get('www-authenticate')}`)
      const code = isExpiredHead ? 'AUTH_EXPIRED_TOKEN' : outcome.code
      signal.throwIfAborted()
      if (code !== 'AUTH_EXPIRED_TOKEN') {
        if (code && code !== 'AUTH_STALE_AUTHENTICATION' && mine.sid) check()
        return response
      }
      const isExecuted = response.redirected && !/^get$/i.test(init.method ?? 'get')
      if (isStream || isExecuted || repetitions >= maxRepetitions) {
        if (mine.expiry === expiry) refresh.attempt()
        return response
      }
      await refresh.renewed(expiry, signal)
      if (mine !== sessions.now) return response
    }
  }
}
