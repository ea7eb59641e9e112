import t from 'tap'
import { createAccounts } from '../../../example-server/accounts/accounts.ts'
import { summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('createAccounts(): each change can be repeated after the session store was unavailable', async (t) => {
  const { app, database, passwords, signIn } = await createInjected(t)
  const { users } = database
  let isAway = false
  const sessions = {
    async revokeAll(sub: string) {
      if (isAway) throw new Error('Sessions are unavailable at the moment')
      return await app.sessions.revokeAll(sub)
    }
  }
  const accounts = createAccounts({ users, passwords, sessions })
  const find = async () => (await users.find('alice'))!
  const changes: [string, () => Promise<number>][] = [
    ['role', async () => await accounts.setRoles(await find(), [])],
    ['reset-password', async () => await accounts.resetPassword(await find(), 'a new and long password')],
    ['email', async () => (await accounts.setEmail(await find(), 'alice@example.com'))!],
    ['disable', async () => await accounts.disable(await find())],
    ['delete', async () => await accounts.remove(await find())]
  ]
  for (const [what, change] of changes) {
    const { headers } = await signIn('alice')
    const { id } = await find()
    await users.setRoles(id, ['admin'])

    isAway = true
    await t.rejects(change(), {
      message:
        'the user is changed, but sessions may still be open: repeat this (Sessions are unavailable at the moment)'
    })
    isAway = false
    t.equal(await change(), 1, what)
    const me = await app.inject({ url: '/me', headers })
    t.strictSame(summaryOf(me), [401, 'AUTH_REVOKED_TOKEN'], what)
    await users.setDisabled(id, false)
  }
  t.equal(await users.find('alice'), null)
})
