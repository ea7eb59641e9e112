import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { databases, skips } from '../../fixtures/example-databases.ts'

t.setTimeout(120_000)

const kinds = {
  sqlite: { skip: false as false | string, open: async () => ({ env: {}, stop: async () => {} }) },
  postgres: { ...skips.postgres, open: databases.postgres }
}

for (const [name, { skip, open }] of Object.entries(kinds)) {
  t.test(`users with ${name}: a disabled user is found by find() and list() only`, { skip }, async (t) => {
    const { env, stop } = await open()
    const { users, notes, close } = await openDatabase(readConfig({ ...env, DATA_DIR: t.testdir() }))
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
    t.match(await users.list(), [{ id, disabledAt: Date }])
    t.equal(await users.add({ name: 'bob', passwordHash: 'hash' }), null, 'the name stays taken')
    await users.setDisabled(id, false)
    t.match(await users.byId(id), { id, disabledAt: null })

    await users.setRoles(id, ['admin'])
    t.strictSame((await users.byId(id))?.roles, ['admin'])
    await users.setRoles(id, [])
    t.strictSame((await users.byId(id))?.roles, [])

    await users.remove(id)
    t.equal(await users.find('bob'), null)
    t.strictSame(await notes.list(id), [])
    await t.resolves(users.remove(id), 'again')
  })
}
