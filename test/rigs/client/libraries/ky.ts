import ky, { isHTTPError } from 'ky'
import { isPlain, octets, type Connect } from './library.ts'

export const connectKy: Connect = ({ fetch, url }) => {
  const api = ky.create({ fetch, baseUrl: url, retry: { delay: () => 1 } })
  return {
    async send(path, { query = {}, body, timeoutMs, headers, ...call } = {}) {
      const response = api(path, {
        ...call,
        searchParams: query,
        ...(timeoutMs !== undefined && { timeout: timeoutMs }),
        ...(body instanceof ReadableStream ? { headers: { ...octets, ...headers } } : headers && { headers }),
        ...(isPlain(body) ? { json: body } : body && { body })
      })
      await response
      return call.method === 'HEAD' ? undefined : await response.json()
    },
    open: async (path) => (await api(path)).body!,
    describe: (error) =>
      isHTTPError<{ code: string }>(error)
        ? [error.name, error.response.status, (error.data as { code: string }).code]
        : [(error as Error).name]
  }
}
