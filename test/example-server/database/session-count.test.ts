import t from 'tap'
import { databases, skips } from '../../fixtures/example-databases.ts'
import { createInjected } from '../../fixtures/example-server.ts'

const noServer = async () => ({ env: {}, stop: async () => {} })

for (const name of ['sqlite', 'postgres'] as const) {
  const skip = name === 'sqlite' ? {} : skips[name]
  t.test(`countSessions() counts the open sessions of all nodes on ${name}`, skip, async (t) => {
    const server = await (name === 'sqlite' ? noServer() : databases[name]())
    t.teardown(server.stop)
    const { app, database, signIn } = await createInjected(t, { env: server.env })
    await app.ready()
    t.equal(await database.countSessions!(), 0)
    const [first] = [await signIn('alice'), await signIn('alice'), await signIn('bob')]
    t.equal(await database.countSessions!(), 3)
    await app.sessions.revoke(first!.sessionId)
    t.equal(await database.countSessions!(), 2)
    await app.sessions.revokeAll(first!.sub)
    t.equal(await database.countSessions!(), 1)
  })
}

t.test('sessions in Redis are not counted', skips.redis, async (t) => {
  const redis = await databases.redis()
  t.teardown(redis.stop)
  const { app, database } = await createInjected(t, { env: redis.env })
  t.equal(database.countSessions, null)
  t.notMatch((await app.inject('/metrics')).body, /^auth_sessions_open /m)
})
