// tRPC with the plugin in front of it, and with `auth.fetch` in each of its links over HTTP.
import {
  createTRPCClient,
  httpBatchLink,
  httpBatchStreamLink,
  httpLink,
  httpSubscriptionLink,
  TRPCClientError
} from '@trpc/client'
import { initTRPC, TRPCError } from '@trpc/server'
import { fastifyTRPCPlugin, type CreateFastifyContextOptions } from '@trpc/server/adapters/fastify'
import { EventSource } from 'eventsource'
import t, { type Test } from 'tap'
import { repeated, signIn } from '../session.ts'

const rpc = initTRPC.context<{ sub: string }>().create()
const text = (input: unknown) => String(input)

function createRouter() {
  const notes: string[] = []
  const fail = (code: TRPCError['code']) => {
    throw new TRPCError({ code })
  }
  return rpc.router({
    hello: rpc.procedure.input(text).query(({ ctx, input }) => `${input}, ${ctx.sub}`),
    add: rpc.procedure.input(text).mutation(({ input }) => notes.push(input)),
    forbidden: rpc.procedure.query(() => fail('FORBIDDEN')),
    invalid: rpc.procedure.query(() => fail('UNPROCESSABLE_CONTENT')),
    broken: rpc.procedure.query(() => fail('INTERNAL_SERVER_ERROR')),
    count: rpc.procedure.subscription(async function* () {
      yield 1
      yield 2
    })
  })
}

type Router = ReturnType<typeof createRouter>

/** The routes of tRPC behind a hook of the plugin, which refuses a token before tRPC reads the request. */
const start = (t: Test) =>
  signIn(t, {
    more: (app) => {
      const createContext = ({ req }: CreateFastifyContextOptions) => ({ sub: req.user.sub })
      void app.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions: { router: createRouter(), createContext } })
    }
  })

const links = { httpLink, httpBatchLink, httpBatchStreamLink }

for (const [name, link] of Object.entries(links)) {
  t.test(`tRPC by ${name}`, async (t) => {
    const { auth, url, log, expire, passLifetime } = await start(t)
    // With `exactOptionalPropertyTypes`, the types of tRPC do not accept the global `fetch` either.
    const api = createTRPCClient<Router>({ links: [link({ url: `${url}/trpc`, fetch: auth.fetch as never })] })
    const errorOf = async (call: Promise<unknown>) => {
      const error = await call.catch((error: unknown) => error)
      return error instanceof TRPCClientError ? error.data?.code : 'no error of tRPC'
    }

    expire()
    t.equal(await api.hello.query('hello'), 'hello, alice')
    t.strictSame(log(), repeated('GET /trpc/hello'))
    expire()
    t.equal(await api.add.mutate('one'), 1)
    t.strictSame(log(), repeated('POST /trpc/add'))
    passLifetime()
    t.equal(await api.add.mutate('two'), 2, 'executed once each')
    t.strictSame(log(), ['POST /auth/refresh 200', 'POST /trpc/add 200'])
    expire()
    t.strictSame(await Promise.all([api.add.mutate('three'), api.hello.query('hello'), api.add.mutate('four')]), [
      3,
      'hello, alice',
      4
    ])
    t.equal(log().filter((line) => line === 'POST /auth/refresh 200').length, 1)

    t.equal(await errorOf(api.forbidden.query()), 'FORBIDDEN')
    t.equal(await errorOf(api.invalid.query()), 'UNPROCESSABLE_CONTENT')
    t.equal(await errorOf(api.broken.query()), 'INTERNAL_SERVER_ERROR')
    const reason = new DOMException('left', 'AbortError')
    t.match(await api.hello.query('left', { signal: AbortSignal.abort(reason) }).catch((error) => error), {
      name: 'TRPCClientError',
      cause: { name: 'AbortError' }
    })
  })
}

t.test('tRPC by httpSubscriptionLink, with the EventSource of a package', async (t) => {
  const { auth, url, log, expire } = await start(t)
  const link = httpSubscriptionLink({
    url: `${url}/trpc`,
    EventSource,
    eventSourceOptions: () => ({ fetch: auth.fetch })
  })
  const api = createTRPCClient<Router>({ links: [link] })
  expire()
  const received: number[] = []
  await new Promise<void>((resolve, reject) => {
    const onData = (count: number) => received.push(count)
    api.count.subscribe(undefined, { onData, onComplete: resolve, onError: reject })
  })
  t.strictSame(received, [1, 2])
  t.strictSame(log(), repeated('GET /trpc/count'))
})
