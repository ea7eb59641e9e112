import { orAbort } from './abort.js'
import { codeOf, readJson } from './json.js'

/**
 * `fetch` with the credentials of the session.
 * @param {object} parts
 * @param {import('./options.js').Settings} parts.settings
 * @param {ReturnType<typeof import('./current.js').createCurrent>} parts.current
 * @param {ReturnType<typeof import('./refresh.js').createRefresh>} parts.refresh
 * @param {Promise<unknown>} parts.ready
 * @param {AbortSignal} parts.closing
 * @returns {typeof globalThis.fetch}
 */
export function createRequest({ settings, current, refresh, ready, closing }) {
  const { origin, isBearer, send } = settings

  return async function authFetch(input, init) {
    const request = typeof input === 'object' && 'url' in input ? input : undefined
    const url = new URL(request ? request.url : String(input), settings.base())
    const headers = new Headers(init?.headers ?? request?.headers)
    const { method = 'GET', credentials, signal: callers } = { ...pick(request), ...init }
    if (url.origin !== origin || headers.has('authorization') || credentials === 'omit') {
      return await send(request ?? url.href, init)
    }
    await ready
    const { session } = current
    const signal = AbortSignal.any([session.end.signal, closing, ...(callers ? [callers] : [])])
    const isStream = isReadOnce(init?.body)
    // A body that cannot be sent again must not meet an expired token.
    const neededMs = isStream ? refresh.leadMs() : 0
    const { access: old } = session
    if (session.sid !== null && (old.left() <= neededMs || (isStream && old.left() === Infinity))) {
      await refresh.renewed(session, { old, signal })
    }

    const once = async (isRepeated = false) => {
      if (isBearer && session.tokens) headers.set('authorization', `Bearer ${session.tokens.access}`)
      const response = await send(request ? (isRepeated || !request.body ? request : request.clone()) : url.href, {
        ...init,
        ...settings.credentials,
        ...(isBearer && { headers }),
        signal
      })
      signal.throwIfAborted()
      return response
    }

    const { access } = session
    const response = await once()
    if (response.status !== 401 || (response.url && new URL(response.url).origin !== origin)) return response
    const code = codeOf(await orAbort(readJson(response.clone()), signal))
    if (!code || session !== current.session || session.sid === null) return response
    if (code === 'AUTH_EXPIRED_TOKEN') {
      if (isStream || (response.redirected && !/^(GET|HEAD)$/.test(method))) {
        if (session.access === access) refresh.attempt(session, access)
        return response
      }
      await refresh.renewed(session, { old: access, signal })
      // It has turned out that nobody is signed in.
      if (!session.sid) return response
      response.body?.cancel()
      return await once(true)
    }
    // The server may know that the session is over. The refresh route says so, or responds with a good token.
    if (code !== 'AUTH_STALE_AUTHENTICATION' && session.sid && session.access === access && !access.isCheck) {
      refresh.attempt(session, access).then(() => {
        session.access.isCheck = true
      })
    }
    return response
  }
}

/** @param {Request | undefined} request */
function pick(request) {
  return request && { method: request.method, credentials: request.credentials, signal: request.signal }
}

/** @param {any} body */
function isReadOnce(body) {
  return Boolean(body?.getReader || body?.[Symbol.asyncIterator])
}
