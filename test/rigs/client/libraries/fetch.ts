import { isPlain, octets, type Call, type Connect } from './library.ts'

export function initOf({ body, headers, query: _query, timeoutMs, ...init }: Call): RequestInit {
  return {
    ...init,
    ...(timeoutMs !== undefined && { signal: AbortSignal.timeout(timeoutMs) }),
    headers: {
      ...(isPlain(body) && { 'content-type': 'application/json' }),
      ...(body instanceof ReadableStream && octets),
      ...headers
    },
    ...(body !== undefined && { body: isPlain(body) ? JSON.stringify(body) : body, duplex: 'half' })
  }
}

/** Calls `fetch` as the platform defines it. */
function throughFetch(call: (url: string, init: RequestInit) => Promise<Response>, url: string): ReturnType<Connect> {
  return {
    async send(path, { query, ...init } = {}) {
      const response = await call(`${url}${path}?${new URLSearchParams(query)}`, initOf(init))
      if (!response.ok) {
        const { code } = (await response.json()) as { code: unknown }
        throw Object.assign(new Error('refused'), { refusal: [response.constructor.name, response.status, code] })
      }
      return init.method === 'HEAD' ? undefined : await response.json()
    },
    open: async (path) => (await call(`${url}${path}`, {})).body!,
    describe: (error) => (error as { refusal?: unknown[] }).refusal ?? [(error as Error).name]
  }
}

export const connectFetch: Connect = ({ fetch, url }) => throughFetch(fetch, url)

export const connectRequests: Connect = ({ fetch, url }) =>
  throughFetch((url, init) => fetch(new Request(url, init)), url)
