import { outcomeOf } from './response.js'

/** Each one follows a refusal, and needs another token than the one before. */
const maxRepetitions = 3

/**
 * `fetch` with the credentials of the session.
 * @param {import('./options.js').Settings} settings
 * @param {object} parts
 * @param {import('./state.js').State} parts.state
 * @param {import('./keeper.js').Keeper} parts.keeper
 * @param {() => Promise<unknown> | undefined} parts.ready
 * @returns {typeof globalThis.fetch}
 */
export function createRequest({ base, resolve, send, credentials }, { state, keeper, ready }) {
  return async (/** @type {any} */ input, /** @type {any} */ given) => {
    // What one user began is not sent as the next one.
    const mine = state.session
    const request = input.url ? input : undefined
    const url = resolve(request ? input.url : input)
    /** @type {any} */
    const init = {}
    // The members of a Request, and of a prototype, are enumerable too.
    for (const source of [given, request]) for (const name in source) init[name] ??= source[name]
    const headers = (init.headers = new Headers(init.headers))
    if (url.origin !== base.origin || headers.has('authorization') || init.credentials === 'omit') {
      return await send(request ?? url.href, given)
    }
    // Its body may be needed twice.
    if (request && !/^(get|head)$/i.test(init.method)) init.body = given?.body ?? (await request.blob())
    await ready()
    const signal = AbortSignal.any([mine.end.signal, init.signal ?? mine.end.signal])
    signal.throwIfAborted()
    Object.assign(init, credentials, { signal })
    const isStream = init.body?.getReader || init.body?.[Symbol.asyncIterator]

    for (let repetitions = 0; ; repetitions++) {
      const left = mine.token.left()
      // A body that cannot be sent again must not meet an expired token.
      if (left <= (isStream ? keeper.leadMs() : 0) || (isStream && left === Infinity)) {
        await keeper.renewed(mine.token, signal)
      }
      const { token } = mine
      if (token.access) headers.set('authorization', `Bearer ${token.access}`)
      const response = await send(url.href, init)
      signal.throwIfAborted()
      if (response.status !== 401 || new URL(response.url || url).origin !== base.origin) return response
      // A response to HEAD has no body.
      const isHead = /^head$/i.test(init.method)
      const { code } = isHead ? { code: 'AUTH_EXPIRED_TOKEN' } : await outcomeOf(response.clone())
      signal.throwIfAborted()
      if (code !== 'AUTH_EXPIRED_TOKEN') {
        if (code && mine.sid) state.check()
        return response
      }
      const isExecuted = response.redirected && !/^get$/i.test(init.method ?? 'get')
      if (isStream || isExecuted || repetitions >= maxRepetitions) {
        state.refuse(token)
        return response
      }
      await keeper.renewed(token, signal)
      if (mine !== state.session) return response
    }
  }
}
