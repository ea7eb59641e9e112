import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { RevocationList } from '../../plugin/sessions/revocation-list.ts'
import { tokenRevocationId, type AccessToken } from '../../plugin/tokens/access-token.ts'
import { createClock, epoch } from '../fixtures/app.ts'

t.test('pruneIfDue() removes what has expired, once a minute', async (t) => {
  const monotonic = createClock(1_000_000)
  const list = new RevocationList(monotonic)
  const prune = async () => {
    list.pruneIfDue(epoch + 1000)
    await setImmediate()
    return [...list.entries()].map(({ id }) => id)
  }
  list.record({ kind: 'session', id: 's', until: epoch + 1000 }, epoch)
  list.record({ kind: 'token', id: 'i t', until: epoch + 1001 }, epoch)
  monotonic.advance(59.999)
  t.strictSame(await prune(), ['s', 'i t'])
  monotonic.advance(0.001)
  t.strictSame(await prune(), ['i t'])
  list.record({ kind: 'session', id: 's', until: epoch + 1000 }, epoch)
  monotonic.advance(59.999)
  t.strictSame(await prune(), ['s', 'i t'], 'a minute after the last time')
  monotonic.advance(0.001)
  t.strictSame(await prune(), ['i t'])
})

t.test('record() says what an entry has changed', async (t) => {
  const list = new RevocationList(createClock(0))
  const entry = { kind: 'session', id: 's', until: epoch + 1000 } as const
  t.equal(list.record({ ...entry, until: epoch }, epoch), 'expired')
  t.equal(list.record(entry, epoch), 'new')
  t.equal(list.record(entry, epoch), 'known')
  t.equal(list.record({ ...entry, until: epoch + 999 }, epoch), 'known')
  t.equal(list.record({ ...entry, until: epoch + 1001 }, epoch), 'raised')
})

t.test('isRevoked() notices an entry of the session or of the token, also the first one', async (t) => {
  const token = (jti: string) =>
    ({ sessionId: 's', claims: { iss: 'i', jti }, checkedAtVersion: -1 }) as unknown as AccessToken
  for (const entry of [
    { kind: 'session', id: 's', until: epoch + 1000 },
    { kind: 'token', id: tokenRevocationId('i', 'j'), until: epoch + 1000 }
  ] as const) {
    const list = new RevocationList(createClock(0))
    const checked = token('j')
    t.strictSame([list.isRevoked(checked), list.isRevoked(checked)], [false, false], 'also by the shortcut')
    list.record(entry, epoch)
    t.strictSame([list.isRevoked(checked), list.isRevoked(token('j'))], [true, true], entry.kind)
    t.equal(list.isRevoked(token('other')), entry.kind === 'session')
  }
})
