import type { IssuerFetch } from '../options/trusted-issuers.ts'
import { kindOfThrown } from './thrown.ts'

/** The largest key set or discovery document. */
export const maxBytes = 512 * 1024
const headers = { accept: 'application/json, application/jwk-set+json' }

type FetchedResponse = Awaited<ReturnType<IssuerFetch>>

export interface BoundedRequest {
  readonly signal: AbortSignal
  /** The application's own function. Default: the global `fetch`. */
  readonly fetch?: IssuerFetch | undefined
}

/**
 * Fetches a whole body of limited size, without following a redirect. A `fetch` of the application is bound by the same
 * limits. It can ignore `signal`, however, so the caller must not wait for it without a limit of its own.
 * @throws Error for a redirect, another status than 200, or a body over 512 KiB
 */
export async function fetchBounded(url: string, { signal, fetch: given }: BoundedRequest): Promise<string> {
  const init = { redirect: 'manual', signal, headers } as const
  const response = await (given === undefined ? fetch(url, init) : callFetch(() => given(url, init)))
  if (response.status !== 200) {
    await close(response)
    throw new Error(`unexpected status ${response.status}`)
  }
  if (response.redirected === true) {
    await close(response)
    throw new Error('"fetch" followed a redirect')
  }
  return await readBody(response, signal)
}

async function callFetch(call: () => Promise<FetchedResponse>): Promise<FetchedResponse> {
  try {
    return await call()
  } catch (error) {
    throw new Error(`"fetch" threw ${kindOfThrown(error)}`, { cause: error })
  }
}

async function readBody({ body }: FetchedResponse, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop closes the connection.
  for await (const chunk of body ?? []) {
    signal.throwIfAborted()
    const part = typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array)
    bytes += part.length
    if (bytes > maxBytes) throw new Error(`the response exceeds ${maxBytes} bytes`)
    chunks.push(part)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}

/** Closes the connection of a response whose body is not read. */
async function close({ body }: FetchedResponse): Promise<void> {
  await (body as Partial<ReadableStream> | null)?.cancel?.()
}
