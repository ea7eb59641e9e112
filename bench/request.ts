/** Serializes a GET request, with the headers that a client of an API sends. */
export function serialize(path: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({
    host: 'api.example.com',
    accept: 'application/json',
    'user-agent': 'bench',
    ...headers
  })
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
}

export function byHeader(token: string) {
  return { authorization: `Bearer ${token}` }
}

export function byCookie(token: string) {
  return { cookie: `__Host-access=${token}` }
}
