import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { createTls } from '../../../example-server/operations/tls.ts'
import { startServer } from '../../fixtures/example-server.ts'
import { certify, skipWithoutOpenssl } from '../../fixtures/openssl.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

/** Resolves to the certificate that a new connection gets. */
async function presentedAt(port: number, servername?: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(servername && { servername }) })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate() as PeerCertificate
  socket.destroy()
  return fingerprint256
}

t.test(
  'a server presents a renewed certificate without a restart, and open connections continue',
  skipWithoutOpenssl,
  async (t) => {
    const folder = t.testdir()
    const [first, second] = ['first', 'second'].map((name) => certify(folder, name, 'DNS:localhost,IP:127.0.0.1'))
    // As Kubernetes mounts a secret: one link is replaced, and both files change together.
    for (const [version, { cert, key }] of [
      ['v1', first!],
      ['v2', second!]
    ] as const) {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'tls.crt'), cert)
      writeFileSync(join(folder, version, 'tls.key'), key)
    }
    symlinkSync('v1', join(folder, '..data'))
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(folder, name))

    const { url, output, hangUp, stop } = await startServer(t, {
      DATA_DIR: join(folder, 'data'),
      HOST: 'localhost',
      TLS_CERT_FILE: join(folder, 'tls.crt'),
      TLS_KEY_FILE: join(folder, 'tls.key'),
      LOG_LEVEL: 'info'
    })
    const port = Number(new URL(url).port)
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: [first!.cert] })
    t.teardown(() => agent.destroy())
    const get = async () => {
      const [response] = await once(request({ port, path: '/health/live', agent }).end(), 'response')
      const { fingerprint256 } = (response.socket as TLSSocket).getPeerCertificate()
      await once(response.resume(), 'end')
      return { status: response.statusCode, reused: response.req.reusedSocket, fingerprint256 }
    }
    const opened = await get()
    t.match(opened, { status: 200, reused: false })

    symlinkSync('v2', join(folder, '..new'))
    renameSync(join(folder, '..new'), join(folder, '..data'))
    // Each is a check; the timer would be the other.
    hangUp()
    while (!output.text.includes('the TLS certificate is renewed')) {
      await new Promise((resolve) => setImmediate(resolve))
      if (/"level":50/.test(output.text)) t.fail(output.text)
    }
    t.strictSame(await get(), { ...opened, reused: true }, 'the open connection continues')
    for (const servername of [undefined, 'localhost']) {
      t.not(await presentedAt(port, servername), opened.fingerprint256, `a new connection, SNI ${servername}`)
    }
    const own = new Agent({ ca: [second!.cert] })
    const [response] = await once(request({ port, path: '/health/live', agent: own }).end(), 'response')
    t.equal(response.resume().statusCode, 200, 'a client that trusts only the new certificate')
    t.equal(await stop(), 0)
  }
)

t.test('createTls() keeps the former certificate while the files cannot be used', skipWithoutOpenssl, async (t) => {
  const folder = t.testdir()
  const [first, second, third] = ['first', 'second', 'third'].map((name) => certify(folder, name, 'DNS:localhost'))
  const files = { TLS_CERT_FILE: join(folder, 'live.pem'), TLS_KEY_FILE: join(folder, 'live.key') }
  const write = ({ cert, key }: { cert?: string; key?: string }) => {
    if (cert !== undefined) writeFileSync(files.TLS_CERT_FILE, cert)
    if (key !== undefined) writeFileSync(files.TLS_KEY_FILE, key)
  }
  write(first!)
  const tls = createTls(readConfig(files).tls!)
  const server = createServer(tls.options).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const lines: string[] = []
  const level =
    (name: string) =>
    (_members: unknown, text = '') => {
      lines.push(`${name}: ${text.split(' ', 3).join(' ')}`)
    }
  const log = { info: level('info'), error: level('error') }
  const check = async (times: number) => {
    for (let time = 0; time < times; time++) await tls.check({ server, log })
    return lines.splice(0)
  }
  const unusable = ['error: the TLS files']
  const rows: [string, () => void, string[]][] = [
    ['nothing has changed', () => {}, []],
    ['another key than that of the certificate', () => write({ key: second!.key }), unusable],
    ['a certificate of which a half is written', () => write({ cert: second!.cert.slice(0, 300) }), unusable],
    ['a chain whose second half is cut off', () => write({ cert: first!.cert + second!.cert.slice(0, 300) }), unusable],
    ['an empty certificate', () => write({ cert: '', key: first!.key }), unusable],
    ['an empty key', () => write({ cert: first!.cert, key: '' }), unusable],
    ['a file that is missing', () => rmSync(files.TLS_KEY_FILE), unusable],
    ['the former files again', () => write(first!), []]
  ]
  const before = await presentedAt(port)
  for (const [name, change, expected] of rows) {
    change()
    t.strictSame(await check(4), expected, `${name}: reported once`)
    for (const servername of [undefined, 'localhost']) t.equal(await presentedAt(port, servername), before, name)
  }

  write({ cert: second!.cert })
  t.strictSame(await check(1), [], 'the certificate is written, and its key not yet')
  write({ key: second!.key })
  t.strictSame(await check(1), [], 'the key may be written too soon before this check')
  t.equal(await presentedAt(port), before)
  t.strictSame(await check(3), ['info: the TLS certificate'])
  const renewed = await presentedAt(port)
  t.not(renewed, before)
  t.equal(await presentedAt(port, 'localhost'), renewed)

  // As certbot does: `live/` has links to the numbered files of `archive/`.
  for (const [name, text] of [
    ['cert3.pem', third!.cert],
    ['key3.pem', third!.key]
  ] as const) {
    writeFileSync(join(folder, name), text)
  }
  for (const [link, target] of [
    [files.TLS_CERT_FILE, 'cert3.pem'],
    [files.TLS_KEY_FILE, 'key3.pem']
  ] as const) {
    rmSync(link)
    symlinkSync(target, link)
  }
  t.strictSame(await check(2), ['info: the TLS certificate'])
  t.not(await presentedAt(port), renewed)
  t.equal(tls.expiresAt().getTime() > Date.now(), true)
  t.equal(readFileSync(files.TLS_CERT_FILE, 'utf8'), third!.cert)
})
