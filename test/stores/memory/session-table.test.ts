import t from 'tap'
import { RevocationLog } from '../../../plugin/stores/memory/revocation-log.ts'
import { SessionTable } from '../../../plugin/stores/memory/session-table.ts'
import type { NewSession } from '../../../plugin/stores/session-store.ts'
import { newSession as anySession, user } from '../../fixtures/store-values.ts'

const newSession = (given: Partial<NewSession> = {}) =>
  anySession({ accessLifetimeSeconds: 10, idleMs: 1000, absoluteMs: 1000, ...given })
const terms = { now: 9, lifetimeSeconds: 10 }
const newTable = () => new SessionTable(new RevocationLog())

t.test('revoke() keeps the time at which revokeAll() revoked the session', async (t) => {
  const table = newTable()
  const session = table.add(newSession(), 0)
  table.owners.raise(user, 5)
  table.revoke(session, terms)
  t.equal(session.revokedAt, 5)
})

t.test('revoke() leaves the session no longer among those that are open', async (t) => {
  const table = newTable()
  const session = table.add(newSession(), 0)
  const other = table.add(newSession({ id: 'other' }), 0)
  table.revoke(session, terms)
  t.strictSame([...session.owner.open()], [other])
  t.equal(session.owner.openCount, 1)
})

t.test('spare() does not revive a session of another subject', async (t) => {
  const table = newTable()
  const session = table.add(newSession({ id: 'of bob', sub: 'bob' }), 0)
  table.owners.raise({ ...user, sub: 'bob' }, 5)
  table.owners.raise(user, 6)
  table.spare('of bob', user)
  t.equal(session.revokedAt, 5)
})

t.test('sweep() drops an owner with the last of its sessions', async (t) => {
  const table = newTable()
  const { owner } = table.add(newSession(), 0)
  const other = table.add(newSession({ id: 'other' }), 1)
  Array.from(table.sweep(1000))
  t.strictSame([...owner.open()], [other])
  t.strictSame(table.owners.of(user), [owner])
  Array.from(table.sweep(1001))
  t.strictSame(table.owners.of(user), [])
})

t.test('evict() revokes the least recently rotated sessions, and recent() returns the others', async (t) => {
  const ids = ['a', 'b', 'c', 'd']
  for (let kept = 0; kept <= 5; kept++) {
    const table = newTable()
    ids.forEach((id, now) => table.add(newSession({ id }), now))
    const recent = table.recent(user, { now: 9, limit: kept })
    const { revoked, more } = table.evict(user, { ...terms, maxSessions: kept, atMost: 10 })
    t.strictSame(
      [revoked.map(({ id }) => id), recent.map(({ id }) => id), more],
      [ids.slice(0, Math.max(0, 4 - kept)), ids.slice(Math.max(0, 4 - kept)), false],
      `${kept} are kept`
    )
  }
})
