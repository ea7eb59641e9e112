import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** An application that can be replaced by the next one at the same address. */
export interface Listening {
  listen(options: { port: number; host: string }): Promise<unknown>
  close(): Promise<unknown>
  readonly server: Server | object
}

/** One address at which a server after the other listens, as in a deployment. */
export function createAddress(t: Test) {
  let current: Listening | null = null
  let port = 0
  t.teardown(() => current?.close())
  return {
    url: () => `http://127.0.0.1:${port}`,
    /** Stops the server that listens there, and starts this one. */
    async deploy<App extends Listening>(app: App): Promise<App> {
      await current?.close()
      current = app
      await app.listen({ port, host: '127.0.0.1' })
      const server = app.server as Server
      // A connection that is kept alive would end in the middle of a request to the next server.
      server.prependListener('request', (_request, response) => {
        response.shouldKeepAlive = false
      })
      port = (server.address() as AddressInfo).port
      return app
    }
  }
}

/** A `Storage`, which Node 20 does not have. */
export function createStorage() {
  const values = new Map<string, string>()
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => {
      values.set(key, value)
    },
    removeItem: (key: string) => {
      values.delete(key)
    },
    clear: () => values.clear(),
    key: (index: number) => [...values.keys()][index] ?? null,
    get length() {
      return values.size
    }
  }
}

/** The JSON lines of a Fastify log. */
export function createLog() {
  const lines: Record<string, unknown>[] = []
  const stream = {
    write: (line: string) => {
      lines.push(JSON.parse(line) as Record<string, unknown>)
    }
  }
  return { lines, logger: { level: 'info', stream } }
}
