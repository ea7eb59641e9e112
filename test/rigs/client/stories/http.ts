// Client libraries over HTTP, which are given `auth.fetch` and nothing else.
import { once } from 'node:events'
import { fetch as undiciFetch, FormData as UndiciFormData } from 'undici'
import t from 'tap'
import { listen } from '../../../fixtures/issuer.ts'
import { AuthUnavailable } from '../../../../client/index.js'
import { connectAxios } from '../libraries/axios.ts'
import { connectFetch, connectRequests } from '../libraries/fetch.ts'
import type { Connect } from '../libraries/library.ts'
import { connectOpenapiFetch } from '../libraries/openapi-fetch.ts'
import { repeated, signIn } from '../session.ts'

const major = Number(process.versions.node.split('.')[0])
const { connectKy } = major < 22 ? { connectKy: null } : await import('../libraries/ky.ts')

interface Errors {
  readonly connect: Connect | null
  /** The names of its errors, by cause. */
  readonly refused: string
  readonly aborted: readonly unknown[]
  readonly timedOut: readonly unknown[]
}

const fetchErrors = { refused: 'Response', aborted: ['AbortError'], timedOut: ['TimeoutError'] }
const libraries: Record<string, Errors> = {
  fetch: { connect: connectFetch, ...fetchErrors },
  'fetch of Requests': { connect: connectRequests, ...fetchErrors },
  'openapi-fetch': { connect: connectOpenapiFetch, ...fetchErrors, refused: 'error' },
  axios: {
    connect: connectAxios,
    refused: 'AxiosError',
    aborted: ['CanceledError', 'ERR_CANCELED'],
    timedOut: ['AxiosError', 'ETIMEDOUT']
  },
  ky: { connect: connectKy, refused: 'HTTPError', aborted: ['AbortError'], timedOut: ['TimeoutError'] }
}
/** What sends the requests. undici's `fetch` takes forms of its own class only. */
const platforms = {
  'the global fetch': { given: undefined, Form: FormData },
  "undici's fetch": { given: undiciFetch, Form: UndiciFormData as unknown as typeof FormData }
}

function upload(parts: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      if (parts-- > 0) controller.enqueue(new Uint8Array(1000))
      else controller.close()
    }
  })
}

const sent = { query: { page: '2', q: 'a b&c' }, headers: { 'x-tag': 'kept' } }
const received = { query: sent.query, tag: 'kept', sub: 'alice' }

for (const [platform, { given, Form }] of Object.entries(platforms)) {
  for (const [name, { connect, refused, aborted, timedOut }] of Object.entries(libraries)) {
    if (connect === null) continue
    t.test(`${name} over ${platform}`, async (t) => {
      const { app, auth, url, log, expire, passLifetime, holdRefresh, waiting } = await signIn(t, { fetch: given })
      const library = connect({ fetch: auth.fetch, url })
      const errorOf = (call: Promise<unknown>) =>
        call.then(
          () => 'no error',
          (error) => library.describe(error)
        )

      await t.test('repeats a request once after one refresh, with its query, headers and body', async (t) => {
        for (const method of ['GET', 'DELETE', 'POST', 'PUT', 'PATCH']) {
          const body = method === 'GET' || method === 'DELETE' ? null : { title: 'ä', items: [1, 2] }
          expire()
          const response = await library.send('/notes', { method, ...sent, ...(body && { body }) })
          t.strictSame(response, { method, ...received, body })
          t.strictSame(log(), repeated(`${method} /notes`))
        }
      })

      await t.test('repeats a HEAD, whose refusal has no body', async (t) => {
        expire()
        await library.send('/notes', { method: 'HEAD' })
        t.strictSame(log(), repeated('HEAD /notes'))
      })

      await t.test('repeats a form with a file', async (t) => {
        const form = new (name === 'fetch' ? Form : FormData)()
        form.set('title', 'one')
        form.set('file', new Blob(['content']), 'a.txt')
        expire()
        t.strictSame(await library.send('/form', { method: 'POST', body: form }), [
          ['title', null, 'one'],
          ['file', 'a.txt', 'content']
        ])
        t.strictSame(log(), repeated('POST /form'))
      })

      await t.test('refreshes before it sends a stream', async (t) => {
        passLifetime()
        t.strictSame(await library.send('/upload', { method: 'POST', body: upload(300) }), { size: 300_000 })
        t.strictSame(log(), ['POST /auth/refresh 200', 'POST /upload 200'])
      })

      await t.test('refreshes once for many requests', async (t) => {
        expire()
        const requests = Array.from({ length: 10 }, (_, page) => library.send('/notes', { query: { page: `${page}` } }))
        t.equal((await Promise.all(requests)).length, 10)
        t.equal(log().filter((line) => line === 'POST /auth/refresh 200').length, 1)
      })

      await t.test('delivers a response while it is being sent', async (t) => {
        expire()
        const [stream, { write, closed }] = await Promise.all([library.open('/stream'), waiting().then(begin)])
        const reader = stream.pipeThrough(new TextDecoderStream() as never).getReader()
        t.equal((await reader.read()).value, 'one')
        write('two')
        t.equal((await reader.read()).value, 'two')
        await reader.cancel()
        await closed
        t.strictSame(log(), repeated('GET /stream'))
      })

      await t.test('ends a request, or the wait for a refresh, by a signal', async (t) => {
        const controller = new AbortController()
        const call = errorOf(library.send('/hanging', { signal: controller.signal }))
        const { closed } = await waiting()
        controller.abort()
        t.strictSame(await call, aborted)
        await closed
        log()

        expire()
        const release = holdRefresh()
        const leaving = new AbortController()
        const left = errorOf(library.send('/notes', { signal: leaving.signal }))
        const staying = library.send('/notes')
        leaving.abort()
        t.strictSame(await left, aborted, 'while the refresh goes on')
        release()
        t.match(await staying, { sub: 'alice' })
        log()

        t.strictSame(await errorOf(library.send('/notes', { signal: AbortSignal.abort() })), aborted)
        t.strictSame(log(), [], 'no request')
      })

      await t.test('ends a request, or the wait for a refresh, by its timeout', async (t) => {
        t.strictSame(await errorOf(library.send('/hanging', { timeoutMs: 20 })), timedOut)
        await (
          await waiting()
        ).closed
        expire()
        const release = holdRefresh()
        t.strictSame(await errorOf(library.send('/notes', { timeoutMs: 20 })), timedOut)
        release()
        t.match(await library.send('/notes'), { sub: 'alice' })
        log()
      })

      await t.test('fails by its own errors', async (t) => {
        t.strictSame(await errorOf(library.send('/forbidden')), [refused, 403, 'AUTH_INSUFFICIENT_SCOPE'])
        t.strictSame(await errorOf(library.send('/invalid')), [refused, 422, 'NO_TITLE'])
        t.strictSame(await errorOf(library.send('/broken')), [refused, 500, 'A_FAULT'])
      })

      // To another origin, the client passes a `Request` on as it is, which undici does not know.
      if (given === undefined) {
        await t.test('sends no credentials to another origin', async (t) => {
          const seen: unknown[] = []
          const other = await listen(t, ({ headers }, response) => {
            seen.push(headers.authorization)
            response.setHeader('content-type', 'application/json').end('{}')
          })
          await connect({ fetch: auth.fetch, url: other.url }).send('/notes')
          t.strictSame(seen, [undefined])
        })
      }

      await t.test('passes the refusal on when the session is over', async (t) => {
        const signedOut = once(auth, 'signed-out')
        await app.sessions.revokeAll('alice')
        t.strictSame(await errorOf(library.send('/notes')), [refused, 401, 'AUTH_REVOKED_TOKEN'])
        await signedOut
        t.equal(auth.user, null)
      })
    })
  }
}

for (const [name, { connect }] of Object.entries(libraries)) {
  if (connect === null) continue
  t.test(`${name} rejects with AuthUnavailable, or with an error that it has caused`, async (t) => {
    const { auth, url, log, passLifetime, loseStore } = await signIn(t)
    passLifetime()
    loseStore()
    const error = await connect({ fetch: auth.fetch, url })
      .send('/notes')
      .catch((error: unknown) => error as Error)
    t.match(
      [error, (error as Error).cause].find((one) => one instanceof AuthUnavailable),
      { retryAfterMs: Number }
    )
    t.strictSame(log(), ['POST /auth/refresh 503'])
    t.match(auth.user, { sid: String }, 'still signed in')
  })
}

if (connectKy) {
  t.test("ky's retries and a refresh do not multiply", async (t) => {
    const { auth, url, log, expire } = await signIn(t)
    expire()
    t.strictSame(await connectKy({ fetch: auth.fetch, url }).send('/sometimes'), { attempts: 3 })
    const [expired, refresh, ...rest] = log()
    t.strictSame([expired, refresh], ['GET /sometimes 401', 'POST /auth/refresh 200'])
    t.strictSame(rest, ['GET /sometimes 503', 'GET /sometimes 503', 'GET /sometimes 200'])
  })
}

/** Writes the first part of a response. */
function begin<T extends { write: (text: string) => void }>(request: T): T {
  request.write('one')
  return request
}
