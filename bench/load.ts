import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Like Fastify's own benchmarks: connections that are kept open, with ten pipelined requests on each. */
const connections = 10
const pipelined = 10
const timeoutMs = 30_000

export interface ExpectedResponse {
  readonly status: Buffer
  /** Of head and body together, in bytes. */
  readonly length: number
}

export interface Requests {
  /** Returns the request to send next. */
  readonly next: () => Buffer
  readonly expected: ExpectedResponse
}

/**
 * Sends serialized requests, and counts responses by their length instead of parsing them: the client must cost less
 * than any server. All responses of a route have the same length.
 */
export async function createLoad({ port, name }: { readonly port: number; readonly name: string }) {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      await once(socket, 'connect')
      // `send()` listens to `close`, which follows.
      socket.on('error', () => {})
      return socket
    })
  )

  return {
    /**
     * Sends `count` requests, and resolves after the last response.
     * @throws Error if a response has another status or does not arrive in time
     */
    async send(count: number, { next, expected: { status, length } }: Requests): Promise<void> {
      let unsent = count
      let open = count

      function sendBatch(socket: Socket): number {
        const batch = Array.from({ length: Math.min(unsent, pipelined) }, next)
        unsent -= batch.length
        if (batch.length > 0) socket.write(batch.length === 1 ? batch[0]! : Buffer.concat(batch))
        return batch.length
      }

      await new Promise<void>((resolve, reject) => {
        const settle = (failure?: Error) => {
          clearTimeout(timer)
          for (const socket of sockets) socket.removeAllListeners('data').removeAllListeners('close')
          if (failure) reject(failure)
          else resolve()
        }
        const timer = setTimeout(
          () => settle(new Error(`${open} of ${count} requests to ${name} have no response`)),
          timeoutMs
        )

        for (const socket of sockets) {
          let received = 0
          let sent = sendBatch(socket)
          socket.on('close', () => settle(new Error('the server closed the connection')))
          socket.on('data', (bytes) => {
            // Each response that begins in these bytes must have the expected status.
            for (let start = (length - (received % length)) % length; start + 12 <= bytes.length; start += length) {
              if (bytes.compare(status, 0, 3, start + 9, start + 12) !== 0) {
                return settle(new Error(`unexpected response of ${name}: ${bytes.subarray(start, start + 400)}`))
              }
            }
            received += bytes.length
            if (received < sent * length) return
            open -= sent
            received = 0
            sent = sendBatch(socket)
            if (open === 0) settle()
          })
        }
      })
    },

    close(): void {
      for (const socket of sockets) socket.destroy()
    }
  }
}

/** Sends one request, to learn which response to expect. */
export async function learnResponse(port: number, request: Buffer): Promise<ExpectedResponse> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.write(request)
  let text = ''
  for await (const bytes of socket) {
    text += bytes.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) continue
    const body = /^content-length: (\d+)/im.exec(text.slice(0, head))
    if (body === null) throw new Error(`the response does not have a Content-Length: ${text}`)
    const length = head + 4 + Number(body[1])
    if (text.length >= length) {
      socket.destroy()
      return { status: Buffer.from(text.slice(9, 12)), length }
    }
  }
  throw new Error('the server closed the connection')
}
