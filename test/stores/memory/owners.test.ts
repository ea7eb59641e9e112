import t from 'tap'
import { Owners } from '../../../plugin/stores/memory/owners.ts'

const dayMs = 24 * 3_600_000
const owner = { issuer: 'https://api.example.com', sub: 'alice' }
const subject = { issuers: [owner.issuer], sub: 'alice' }

t.test('sweep() drops an owner without sessions a day after revokeAll(), and not before', async (t) => {
  const owners = new Owners()
  owners.raise(subject, 0)
  t.strictSame([...owners.sweep(dayMs - 1)], [])
  t.equal(owners.of(subject).length, 1)
  t.strictSame([...owners.sweep(dayMs)], [1])
  t.strictSame(owners.of(subject), [])
})

t.test('sweep() looks at an owner with sessions once a day, and at a dropped one not again', async (t) => {
  const owners = new Owners()
  owners.get(owner).open.add('session')
  owners.raise(subject, 0)
  t.strictSame([...owners.sweep(dayMs)], [1])
  t.strictSame([...owners.sweep(dayMs + 1)], [], 'looked at a moment ago')
  owners.of(subject)[0]!.open.delete('session')
  owners.drop(owner, dayMs + 2)
  t.strictSame(owners.of(subject), [])
  t.strictSame([...owners.sweep(3 * dayMs)], [])
})
