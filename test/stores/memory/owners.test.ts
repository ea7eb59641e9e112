import t from 'tap'
import { Owners } from '../../../plugin/stores/memory/owners.ts'
import { Session } from '../../../plugin/stores/memory/session.ts'
import { newSession } from '../../fixtures/store-values.ts'

const dayMs = 24 * 3_600_000
const name = { issuer: 'https://api.example.com', sub: 'alice' }
const subject = { issuers: [name.issuer], sub: 'alice' }

function addSession(owners: Owners, id: string) {
  const owner = owners.get(name)
  const session = new Session(newSession({ ...name, id, idleMs: 100, absoluteMs: 250 }), { owner, now: 0 })
  owner.add(session)
  return session
}

const looks = (owners: Owners, now: number) => [...owners.sweep(now)].length

t.test('sweep() drops an owner without sessions a day after revokeAll(), and not before', async (t) => {
  const owners = new Owners()
  owners.raise(subject, 0)
  t.equal(looks(owners, dayMs - 1), 0)
  t.equal(owners.of(subject).length, 1)
  t.equal(looks(owners, dayMs), 1)
  t.strictSame(owners.of(subject), [])
})

t.test('sweep() looks at an owner with sessions once, and then it is dropped with the last of them', async (t) => {
  const owners = new Owners()
  const session = addSession(owners, 'session')
  owners.raise(subject, 0)
  t.equal(looks(owners, dayMs), 1)
  t.equal(looks(owners, dayMs), 0)
  owners.drop(session.owner, 2 * dayMs)
  t.strictSame(owners.of(subject), [session.owner], 'it has a session')
  session.owner.remove(session)
  owners.drop(session.owner, 2 * dayMs)
  t.strictSame(owners.of(subject), [])
})

t.test('sweep() does not look at an owner that was dropped', async (t) => {
  const owners = new Owners()
  owners.raise(subject, 0)
  for (const owner of owners.of(subject)) owners.drop(owner, dayMs)
  t.strictSame(owners.of(subject), [])
  t.equal(looks(owners, dayMs), 0)
})

t.test('drop() keeps the owner that the subject has by now', async (t) => {
  const owners = new Owners()
  const revoked = addSession(owners, 'revoked')
  revoked.owner.remove(revoked)
  owners.drop(revoked.owner, 1)
  const session = addSession(owners, 'session')
  owners.drop(revoked.owner, 2)
  t.strictSame(owners.of(subject), [session.owner])
})

t.test('open() lists the sessions in the order of their start, whichever are removed, also meanwhile', async (t) => {
  const ids = ['a', 'b', 'c', 'd']
  for (const removed of [[], ['a'], ['d'], ['b', 'c'], ['a', 'b', 'c', 'd'], ['d', 'a', 'a'], ['b', 'b']]) {
    const owners = new Owners()
    const sessions = new Map(ids.map((id) => [id, addSession(owners, id)]))
    const owner = owners.get(name)
    for (const id of removed) owner.remove(sessions.get(id)!)
    const left = ids.filter((id) => !removed.includes(id))
    t.strictSame([[...owner.open()].map(({ id }) => id), owner.openCount], [left, left.length], `without ${removed}`)
    addSession(owners, 'e')
    const seen: string[] = []
    for (const session of owner.open()) {
      seen.push(session.id)
      owner.remove(session)
    }
    t.strictSame([seen, owner.openCount, owner.first, owner.last], [[...left, 'e'], 0, null, null])
    for (const { previous, next } of sessions.values()) {
      t.strictSame([previous, next], [null, null], 'a removed session keeps no other in memory')
    }
  }
})
