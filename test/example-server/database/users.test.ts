import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { databases, skips } from '../../fixtures/example-databases.ts'

t.setTimeout(600_000)

const kinds = {
  sqlite: { skip: false as false | string, open: async () => ({ env: {}, stop: async () => {} }) },
  postgres: { ...skips.postgres, open: databases.postgres }
}

for (const [name, { skip, open }] of Object.entries(kinds)) {
  t.test(`users with ${name}: a disabled user is found by find() and list() only`, { skip }, async (t) => {
    const { env, stop } = await open()
    const { users, notes, passkeys, close } = await openDatabase(readConfig({ ...env, DATA_DIR: t.testdir() }))
    t.teardown(async () => {
      await close()
      await stop()
    })
    const { id } = (await users.add({ name: 'Bob', passwordHash: 'hash' }))!
    await notes.add(id, 'remember')
    t.match(await users.byName('bob'), { id, roles: [], disabledAt: null })

    await users.setDisabled(id, true)
    t.equal(await users.byName('bob'), null)
    t.equal(await users.byId(id), null)
    t.match(await users.find('BOB'), { id, name: 'Bob', disabledAt: Date })
    t.match(await users.list({ limit: 10 }), [{ id, disabledAt: Date }])
    t.equal(await users.add({ name: 'bob', passwordHash: 'hash' }), null, 'the name stays taken')
    await users.setDisabled(id, false)
    t.match(await users.byId(id), { id, disabledAt: null })

    await users.setRoles(id, ['admin'])
    t.strictSame((await users.byId(id))?.roles, ['admin'])
    await users.setRoles(id, [])
    t.strictSame((await users.byId(id))?.roles, [])

    const eve = (await users.add({ name: 'eve', passwordHash: 'hash', pendingEmail: 'Bob@example.com' }))!
    t.match(eve, { email: null, pendingEmail: 'Bob@example.com' })
    await users.setPendingEmail(id, 'bob@EXAMPLE.com')
    t.equal(await users.byEmail('bob@example.com'), null, 'a pending address finds nobody')
    t.equal(await users.verifyEmail(id, 'other@example.com'), false, 'it is not pending')
    t.equal(await users.verifyEmail(id, 'bob@EXAMPLE.com'), true)
    t.match(await users.byEmail('BOB@example.com'), { id, email: 'bob@EXAMPLE.com', pendingEmail: null })
    t.equal(await users.verifyEmail(eve.id, 'Bob@example.com'), false, 'another user has it')
    t.equal(await users.setEmail(eve.id, 'bob@example.com'), false)
    t.match(await users.byId(eve.id), { email: null, pendingEmail: 'Bob@example.com' })

    const key = { id: 'key', userId: id, name: 'laptop', publicKey: 'pQEC', counter: 4_000_000_000 }
    t.match(await passkeys.add(key), key)
    t.equal(await passkeys.add({ ...key, userId: eve.id }), null, 'an id exists once')
    t.match(await passkeys.find('key'), { ...key, lastUsedAt: null, createdAt: Date })
    t.equal(await passkeys.use('key', { from: 4_000_000_000, to: 4_000_000_001 }), true)
    t.equal(await passkeys.use('key', { from: 4_000_000_000, to: 4_000_000_002 }), false, 'compare and set')
    t.equal(await passkeys.rename(eve.id, { id: 'key', name: 'mine' }), false)
    t.equal(await passkeys.rename(id, { id: 'key', name: 'phone' }), true)
    t.match(await passkeys.list(id), [{ name: 'phone', counter: 4_000_000_001, lastUsedAt: Date }])
    t.equal(await passkeys.remove(eve.id, 'key'), false)
    for (let more = 1; more < 20; more++) t.ok(await passkeys.add({ ...key, id: `key${more}` }))
    t.equal(await passkeys.add({ ...key, id: 'key20' }), null, 'too many')
    const later = Date.now() + 60_000
    t.equal(await passkeys.spendChallenge('once', later), true)
    t.equal(await passkeys.spendChallenge('once', later), false)

    await users.remove(id)
    t.equal(await passkeys.find('key'), null)
    t.equal(await users.find('bob'), null)
    t.strictSame(await notes.list(id), [])
    await t.resolves(users.remove(id), 'again')
  })
}
