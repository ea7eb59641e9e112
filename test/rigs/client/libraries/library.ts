export interface Call {
  readonly method?: string
  readonly query?: Record<string, string>
  readonly headers?: Record<string, string>
  /** A plain object is sent as JSON. */
  readonly body?: FormData | ReadableStream<Uint8Array> | Record<string, unknown>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** A client library as an application uses it, set up with a `fetch` and nothing else. */
export interface Library {
  /** Resolves to the body of the response, and rejects with whatever the library makes of a refusal. */
  send(path: string, call?: Call): Promise<unknown>
  /** Resolves when the head of the response is there. */
  open(path: string): Promise<ReadableStream<Uint8Array>>
  /** What an application sees of the library's own errors. */
  describe(error: unknown): readonly unknown[]
}

export type Connect = (given: { readonly fetch: typeof fetch; readonly url: string }) => Library

export const isPlain = (body: Call['body']): body is Record<string, unknown> =>
  body !== undefined && Object.getPrototypeOf(body) === Object.prototype

export const octets = { 'content-type': 'application/octet-stream' }
