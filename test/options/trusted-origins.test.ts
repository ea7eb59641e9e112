import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { resolveTrustedOrigins, type TrustedOriginsOptions } from '../../plugin/options/trusted-origins.ts'

const request = { id: 'req-1' } as FastifyRequest
const trusts = (trustedOrigins: TrustedOriginsOptions['trustedOrigins'], origin: string) =>
  resolveTrustedOrigins({ trustedOrigins })(origin, request)

const listed = [
  'https://app.example.com',
  'http://localhost:5173',
  'capacitor://localhost',
  'tauri://localhost',
  'ionic://localhost:8100',
  'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
  'moz-extension://3c1f8a60-0f6c-4b1e-9d3a-5c0f6a2b7d11',
  'safari-web-extension://140BB581-A2C0-422A-9DD3-6982A5ABEE5E'
]

t.test('trustedOrigins as a list accepts exactly its entries, whatever their scheme', async (t) => {
  for (const origin of listed) t.equal(trusts(listed, origin), true, origin)
  for (const other of [
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://x.app.example.com',
    'https://app.example.com.evil.example',
    'https://app.example.com/',
    'https://APP.example.com',
    'capacitor://localhost.evil.example',
    'capacitor://localhost:80',
    'CAPACITOR://localhost',
    'tauri://Localhost',
    'https://localhost',
    'chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba',
    'safari-web-extension://140bb581-a2c0-422a-9dd3-6982a5abee5e',
    'null',
    ''
  ]) {
    t.equal(trusts(listed, other), false, other)
  }
  t.equal(trusts([], 'https://app.example.com'), false)
  t.equal(trusts(undefined, 'https://app.example.com'), false, 'by default there are none')
})

t.test('trustedOrigins as a function receives the origin and the request', async (t) => {
  const calls: unknown[][] = []
  const decide = (...given: unknown[]) => {
    calls.push(given)
    return given[0] === 'https://pr-7.preview.example.com'
  }
  t.equal(trusts(decide, 'https://pr-7.preview.example.com'), true)
  t.equal(trusts(decide, 'moz-extension://3c1f8a60-0f6c-4b1e-9d3a-5c0f6a2b7d11'), false)
  t.strictSame(calls, [
    ['https://pr-7.preview.example.com', request],
    ['moz-extension://3c1f8a60-0f6c-4b1e-9d3a-5c0f6a2b7d11', request]
  ])
})

t.test('trustedOrigins as a function is never called with anything but one origin', async (t) => {
  for (const origin of [
    'null',
    '',
    '*',
    'app.example.com',
    'https://evil.example, https://app.example.com',
    'https://evil.example https://app.example.com',
    'https://evil.example/https://app.example.com',
    'https://app.example.com@evil.example',
    'https://APP.example.com',
    'file://',
    'file:///x',
    'data:text/html,x',
    'blob:https://app.example.com/x',
    'wss://app.example.com'
  ]) {
    t.equal(
      trusts(() => t.fail(`called with ${origin}`) as never, origin),
      false,
      origin
    )
  }
})

t.test('trustedOrigins as a function allows by true only; anything but true and false throws', async (t) => {
  const results: [unknown, string][] = [
    [Promise.resolve(true), 'a promise'],
    [Promise.reject(new Error('the database is away')), 'a promise'],
    [{ then: () => {} }, 'a promise'],
    [undefined, 'undefined'],
    [null, 'null'],
    [1, '1'],
    [0, '0'],
    ['https://app.example.com', '"https://app.example.com"'],
    [{}, 'an object'],
    [['x'], 'a list'],
    [() => true, 'a function']
  ]
  for (const [result, received] of results) {
    t.throws(
      () => trusts(() => result as never, 'https://app.example.com'),
      new TypeError(`"trustedOrigins" must return true or false: received ${received}`)
    )
  }
  t.throws(
    () =>
      trusts(() => {
        throw new RangeError('a bug')
      }, 'https://app.example.com'),
    new RangeError('a bug')
  )
})
