import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** As Fastify's own benchmarks do: connections that are kept open, with ten requests under way on each. */
const connections = 10
const pipelined = 10
const patienceMs = 30_000

export interface Answer {
  readonly status: Buffer
  /** Of head and body together. */
  readonly length: number
}

/**
 * Sends requests that were serialized before, and counts answers by their length instead of reading them: the client
 * must cost less than any server. All answers of a route are equally long.
 */
export async function createLoad(port: number) {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      await once(socket, 'connect')
      // It is closed then, which is noticed.
      socket.on('error', () => {})
      return socket
    })
  )

  return {
    /**
     * Sends `count` requests and resolves when all are answered. `next` yields the request to send.
     * @throws Error for an answer of another status, or that does not come
     */
    async send(count: number, next: () => Buffer, { status, length }: Answer): Promise<void> {
      let unsent = count
      let open = count

      function ask(socket: Socket): number {
        const batch = Array.from({ length: Math.min(unsent, pipelined) }, next)
        unsent -= batch.length
        if (batch.length > 0) socket.write(batch.length === 1 ? batch[0]! : Buffer.concat(batch))
        return batch.length
      }

      await new Promise<void>((resolve, reject) => {
        const settle = (failure?: Error) => {
          clearTimeout(overdue)
          for (const socket of sockets) socket.removeAllListeners('data').removeAllListeners('close')
          if (failure) reject(failure)
          else resolve()
        }
        const overdue = setTimeout(() => settle(new Error(`${open} of ${count} requests are not answered`)), patienceMs)

        for (const socket of sockets) {
          let received = 0
          let asked = ask(socket)
          socket.on('close', () => settle(new Error('the server hung up')))
          socket.on('data', (bytes) => {
            // Where an answer begins in these bytes, it must say what is expected.
            for (let start = (length - (received % length)) % length; start + 12 <= bytes.length; start += length) {
              if (bytes.compare(status, 0, 3, start + 9, start + 12) !== 0) {
                return settle(new Error(`answered ${bytes.subarray(start, start + 400)}`))
              }
            }
            received += bytes.length
            if (received < asked * length) return
            open -= asked
            received = 0
            asked = ask(socket)
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

/** Asks once, to learn what to expect. */
export async function learnAnswer(port: number, request: Buffer): Promise<Answer> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.write(request)
  let text = ''
  for await (const bytes of socket) {
    text += bytes.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) continue
    const body = /^content-length: (\d+)/im.exec(text.slice(0, head))
    if (body === null) throw new Error(`an answer says no length: ${text}`)
    const length = head + 4 + Number(body[1])
    if (text.length >= length) {
      socket.destroy()
      return { status: Buffer.from(text.slice(9, 12)), length }
    }
  }
  throw new Error('the server hung up')
}
