import createClient from 'openapi-fetch'
import { initOf } from './fetch.ts'
import { isPlain, type Connect } from './library.ts'

interface Failure {
  readonly error: { readonly code: string }
  readonly response: Response
}

export const connectOpenapiFetch: Connect = ({ fetch, url }) => {
  const api = createClient<Record<string, never>>({ baseUrl: url, fetch })
  return {
    async send(path, { query, body, ...call } = {}) {
      const { method = 'GET', ...init } = initOf({ ...call, ...(!isPlain(body) && body && { body }) })
      const { data, error, response } = (await api.request(
        method.toLowerCase() as 'get',
        path as never,
        {
          ...init,
          params: { query },
          ...(isPlain(body) ? { body } : body && { bodySerializer: () => body, body })
        } as never
      )) as Partial<Failure> & { data?: unknown }
      if (error) throw Object.assign(new Error('refused'), { error, response })
      return data
    },
    open: async (path) => (await api.GET(path as never, { parseAs: 'stream' } as never)).data as never,
    describe(error) {
      const { name, error: refusal, response } = error as Error & Partial<Failure>
      return refusal ? ['error', response!.status, refusal.code] : [name]
    }
  }
}
