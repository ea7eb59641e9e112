import { Agent, request } from 'node:http'

export type Client = ReturnType<typeof createClient>

/** One connection that is kept open, one request at a time each: as little as possible between question and answer. */
export function createClient(url: string) {
  const agent = new Agent({ keepAlive: true })

  async function send(
    method: 'GET' | 'POST',
    path: string,
    { token, body }: { token?: string; body?: object } = {}
  ): Promise<{ status: number; body: string }> {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' })
    }
    return await new Promise((resolve, reject) => {
      const outgoing = request(`${url}${path}`, { method, headers, agent }, (answer) => {
        let text = ''
        answer
          .setEncoding('utf8')
          .on('data', (chunk) => {
            text += chunk
          })
          .on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode!, body: text }))
      })
      outgoing.on('error', reject).end(body && JSON.stringify(body))
    })
  }

  return { send, close: () => agent.destroy() }
}
