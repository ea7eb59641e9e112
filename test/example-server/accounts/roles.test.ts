import t from 'tap'
import { scopeOf } from '../../../example-server/accounts/roles.ts'

t.test('scopeOf() adds the scopes of each role once, and none for a role that is not in the table', (t) => {
  const user = 'notes:read notes:write'
  const rows: [string[], string][] = [
    [[], user],
    [['admin'], `${user} users:read users:write`],
    [['admin', 'admin'], `${user} users:read users:write`],
    [['king', 'constructor', '__proto__'], user]
  ]
  for (const [roles, scope] of rows) t.equal(scopeOf(roles), scope, JSON.stringify(roles))
  t.end()
})
