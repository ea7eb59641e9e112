const maxBytes = 512 * 1024

/**
 * Fetches a whole body of limited size.
 * @throws Error for a status other than 200, and for a body over 512 KiB
 */
export async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`unexpected status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the response exceeds ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks))
}
