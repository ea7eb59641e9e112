import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Connections that are kept open, and how many browsers share one. Their requests are pipelined. */
const connections = 10
const timeoutMs = 30_000

/**
 * Signed-in browsers that keep the cookies of every response: a refresh sends the refresh token of the response before.
 */
export async function createBrowsers({
  port,
  name,
  cookies
}: {
  port: number
  name: string
  cookies: readonly string[]
}) {
  const jars = cookies.map((text) => new Map(text.split('; ').map((pair) => splitAt(pair, '='))))
  const sockets = await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      await once(socket, 'connect')
      return { socket, jars: jars.filter((_jar, number) => number % connections === index) }
    })
  )

  /** Each browser of the connection sends one request, and stores the cookies of the response. */
  async function sendAll({ socket, jars }: { socket: Socket; jars: readonly Map<string, string>[] }, line: string) {
    socket.write(jars.map((jar) => serialize(line, jar)).join(''))
    let text = ''
    let next = 0
    for await (const bytes of on(socket)) {
      text += bytes.toString('latin1')
      for (let length = lengthOf(text); length !== null && length <= text.length; length = lengthOf(text)) {
        const response = text.slice(0, length)
        text = text.slice(length)
        if (!/^HTTP\/1\.1 20[04]/.test(response)) throw new Error(`unexpected response of ${name}: ${response}`)
        storeCookies(jars[next++]!, response)
      }
      if (next === jars.length) return
    }
    throw new Error(`${name} closed the connection`)
  }

  return {
    /** Sends at least `count` requests; resolves to their number after the last response. */
    async send(count: number, line: string): Promise<number> {
      const rounds = Math.ceil(count / jars.length)
      await Promise.all(
        sockets.map(async (connection) => {
          for (let round = 0; round < rounds; round++) await sendAll(connection, line)
        })
      )
      return rounds * jars.length
    },
    close(): void {
      for (const { socket } of sockets) socket.destroy()
    }
  }
}

/** The bytes that arrive at a socket, until the caller leaves the loop. The socket stays open. */
async function* on(socket: Socket): AsyncGenerator<Buffer> {
  const signal = AbortSignal.timeout(timeoutMs)
  for (;;) yield (await once(socket, 'data', { signal }))[0] as Buffer
}

function serialize(line: string, jar: ReadonlyMap<string, string>): string {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const length = line.startsWith('POST') ? 'content-length: 0\r\n' : ''
  return (
    `${line} HTTP/1.1\r\nhost: api.example.com\r\nsec-fetch-site: same-origin\r\nuser-agent: bench\r\n${length}` +
    `cookie: ${cookie}\r\n\r\n`
  )
}

/** Of the first response, `null` while its head is incomplete. */
function lengthOf(text: string): number | null {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return null
  return head + 4 + Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0)
}

function storeCookies(jar: Map<string, string>, response: string): void {
  for (const [, pair] of response.matchAll(/^set-cookie: ([^;\r]*)/gim)) {
    const [name, value] = splitAt(pair!, '=')
    jar.set(name, value)
  }
}

function splitAt(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator)
  return [text.slice(0, index), text.slice(index + 1)]
}
