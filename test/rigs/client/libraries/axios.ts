import axios, { isAxiosError } from 'axios'
import { octets, type Call, type Connect } from './library.ts'

export const connectAxios: Connect = ({ fetch, url }) => {
  const api = axios.create({ baseURL: url, adapter: 'fetch', env: { fetch } })
  return {
    async send(path, { query = {}, body, timeoutMs, headers, ...call } = {}) {
      const { data } = await api.request({
        ...call,
        url: path,
        params: query,
        ...(body && { data: body }),
        headers: { ...typeOf(body), ...headers },
        ...(timeoutMs !== undefined && { timeout: timeoutMs })
      })
      return call.method === 'HEAD' ? undefined : data
    },
    open: async (path) => (await api.get<ReadableStream<Uint8Array>>(path, { responseType: 'stream' })).data,
    describe: (error) =>
      isAxiosError<{ code: string }>(error) && error.response
        ? [error.name, error.response.status, error.response.data.code]
        : [(error as Error).name, (error as { code: string }).code]
  }
}

/** What `postForm()` does: in Node, axios sends a `FormData` as urlencoded otherwise. */
function typeOf(body: Call['body']): Record<string, string> {
  if (body instanceof FormData) return { 'content-type': 'multipart/form-data' }
  return body instanceof ReadableStream ? octets : {}
}
