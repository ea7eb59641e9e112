import t from 'tap'
import { seedDemoUsers } from '../../../example-server/accounts/demo-users.ts'
import { password, production, overTls, summaryOf, login } from '../../fixtures/example-client.ts'
import { createDemo, createInjected } from '../../fixtures/example-server.ts'

t.test(
  'in production there are no demo users, even if the database contains them, and registration is closed',
  async (t) => {
    const dir = t.testdir()
    const {
      config,
      database,
      passwords,
      app: before
    } = await createInjected(t, { env: { DATA_DIR: dir, DEMO_PASSWORD: password } })
    await seedDemoUsers({ config, users: database.users, passwords })
    t.equal((await login(before, { username: 'admin' })).statusCode, 200)

    const { app } = await createInjected(t, { env: { ...production, DATA_DIR: dir, DEMO_PASSWORD: password } })
    t.strictSame(summaryOf(await login(app, { username: 'admin' })), [401, 'LOGIN_FAILED'])
    t.strictSame(
      summaryOf(
        await app.inject({
          method: 'POST',
          url: '/auth/register',
          headers: overTls,
          payload: { username: 'bob', password }
        })
      ),
      [403, 'REGISTRATION_CLOSED']
    )
    t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 404, 'HS256: there is no public key')
    t.match((await app.inject('/health/live')).headers, { 'strict-transport-security': /max-age=31536000/ })
  }
)

t.test('seedDemoUsers() keeps a changed password until another DEMO_PASSWORD is configured', async (t) => {
  const { app, config, users, passwords } = await createDemo(t)
  const alice = (await users.byName('alice'))!
  await users.replacePasswordHash(alice.id, { from: alice.passwordHash, to: await passwords.hash('changed by alice') })
  t.equal(
    await seedDemoUsers({ config: { ...config, demoPassword: null }, users, passwords }),
    password,
    'the password that is kept in DATA_DIR'
  )
  t.equal((await login(app, { username: 'alice', given: 'changed by alice' })).statusCode, 200)
  await seedDemoUsers({ config: { ...config, demoPassword: 'another one' }, users, passwords })
  t.equal((await login(app, { username: 'alice', given: 'another one' })).statusCode, 200)
  t.equal((await login(app, { username: 'admin', given: 'another one' })).statusCode, 200)
})
