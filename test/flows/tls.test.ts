import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { audience, makeKey, startIssuer, tokenOf } from '../fixtures/issuer.ts'
import { certify, skipWithoutOpenssl } from '../fixtures/openssl.ts'

t.setTimeout(600_000)

/** Starts an API in a process that trusts these certificates in addition to the usual ones. */
async function startApi(t: Test, { certificates, issuers }: { certificates: string; issuers: readonly string[] }) {
  const trusted = issuers.map((issuer) => ({ issuer, audience, algorithms: ['ES256'] }))
  const program = fileURLToPath(new URL('../fixtures/trusting-process.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, program, JSON.stringify(trusted)], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certificates },
    stdio: ['pipe', 'pipe', 'inherit']
  })
  t.teardown(async () => {
    child.stdin.end()
    await once(child, 'close')
  })
  const url = String((await once(child.stdout, 'data'))[0])
  return {
    async call(token: string) {
      const response = await fetch(`${url}/theirs`, { headers: { authorization: `Bearer ${token}` } })
      const { sub, code } = (await response.json()) as { sub?: string; code?: string }
      return { status: response.status, result: sub ?? code, retryAfter: response.headers.get('retry-after') }
    },
    details: async () => (await (await fetch(`${url}/details`)).json()) as string[]
  }
}

t.test(
  "an issuer's keys are fetched over TLS, and an untrusted certificate causes a 503",
  skipWithoutOpenssl,
  async (t) => {
    const folder = t.testdir()
    const key = makeKey('ES256', 'one')
    const loopback = 'IP:127.0.0.1'
    const certified = {
      good: certify(folder, 'good', loopback),
      other: certify(folder, 'other', 'DNS:idp.example.com'),
      untrusted: certify(folder, 'untrusted', loopback)
    }
    const certificates = join(folder, 'trusted.pem')
    writeFileSync(certificates, certified.good.cert + certified.other.cert)

    const rows: [
      keyof typeof certified,
      { status: number; result: string; retryAfter: string | null },
      RegExp | null
    ][] = [
      ['good', { status: 200, result: 'theirs', retryAfter: null }, null],
      ['other', { status: 503, result: 'AUTH_KEYS_UNAVAILABLE', retryAfter: '2' }, /ERR_TLS_CERT_ALTNAME_INVALID/],
      ['untrusted', { status: 503, result: 'AUTH_KEYS_UNAVAILABLE', retryAfter: '2' }, /DEPTH_ZERO_SELF_SIGNED_CERT/]
    ]
    const idps = Object.fromEntries(
      await Promise.all(rows.map(async ([name]) => [name, await startIssuer(t, [key.jwk], certified[name])] as const))
    )
    const { call, details } = await startApi(t, { certificates, issuers: Object.values(idps).map(({ url }) => url) })
    for (const [name, expected, detail] of rows) {
      const { url, fetches } = idps[name]!
      t.match(url, /^https:/)
      t.strictSame(await call(tokenOf(url, key)), expected, name)
      const reported = await details()
      if (detail === null) {
        t.strictSame(
          [reported, fetches],
          [[], { discovery: 1, metadata: 0, jwks: 1, elsewhere: 0 }],
          `${name}: discovery and fetch`
        )
      } else t.match([reported, fetches], [[detail], { discovery: 0, jwks: 0 }], `${name}: no request was sent`)
    }
  }
)
