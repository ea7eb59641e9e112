import fastify from 'fastify'
import t from 'tap'

// Like fastify-cli and @fastify/autoload, which load the plugin's file when the server exists.
const [app, late] = [fastify(), fastify()]
const config = { auth: true }
const open = async () => 'open'
app.setNotFoundHandler({ config } as never, open)
app.get('/early', { config }, open)
const { default: authenticate } = await import('../../plugin/index.ts')
const options = { issuer: 'https://api.example.com', secret: 'the secret of the tests, of 32 bytes at least' }

t.test(
  'routes and not-found handlers are protected in an application that was created before the import',
  async (t) => {
    await app.register(authenticate, options)
    app.get('/late', { config }, open)
    await app.ready()
    const status = async (url: string) => (await app.inject(url)).statusCode
    t.strictSame([await status('/early'), await status('/late'), await status('/nowhere')], [401, 401, 401])
    await app.close()
  }
)

t.test(
  'a route outside the context of the plugin, declared after the registration, stops the start there too',
  async (t) => {
    await late.register(async (scope) => {
      await scope.register(authenticate, options)
    })
    late.get('/outside', { config }, open)
    await t.rejects(
      async () => {
        await late.ready()
      },
      { name: 'TypeError', message: /^The route \/outside has "config.auth"/ }
    )
    await late.close()
  }
)
