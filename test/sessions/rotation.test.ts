import t from 'tap'
import { decide, isRotatable, streakAt, type RotationPolicy, type Verdict } from '../../plugin/sessions/rotation.ts'
import type { SessionRow } from '../../plugin/stores/session-store.ts'
import { issuer } from '../fixtures/app.ts'

const day = 86_400
const retryMs = 10_000

const row: SessionRow = {
  id: 'session',
  issuer,
  sub: 'alice',
  sessionKey: 'sessionKey',
  generation: 5,
  repeatedGeneration: null,
  repeatStreak: 0,
  createdAt: 0,
  rotatedAt: 1_000_000,
  retries: [],
  idleExpiresAt: 500_000_000,
  idleLimitMs: null,
  absoluteExpiresAt: 500_000_000,
  accessLifetimeSeconds: 600,
  revokedAt: null,
  device: null,
  scope: null,
  claims: {},
  details: {}
}
const usual: RotationPolicy = { retryMs, lateRetries: 2 }
const strict: RotationPolicy = { retryMs: 0, lateRetries: 0 }

t.test('decide() returns one verdict for every combination of token and row', async (t) => {
  const at = row.rotatedAt
  const dayMs = day * 1000
  const late = at + 3 * dayMs
  const cases: [string, Partial<SessionRow>, number, number, RotationPolicy, Verdict][] = [
    ['revoked, current', { revokedAt: at }, 5, at + retryMs, usual, 'invalid'],
    ['revoked, within G', { revokedAt: at }, 4, at + 1, usual, 'invalid'],
    ['revoked, old: it is not revoked again', { revokedAt: at }, 1, at + dayMs, usual, 'invalid'],
    ['revoked, newer than the row', { revokedAt: at }, 6, at, usual, 'invalid'],
    ['in the millisecond of the expiry', {}, 5, row.idleExpiresAt, usual, 'invalid'],
    ['one millisecond before the expiry', {}, 5, row.idleExpiresAt - 1, usual, 'rotate'],
    ['expired, old', {}, 2, row.idleExpiresAt, usual, 'invalid'],
    ['d = 0 at the rotation itself', {}, 5, at, usual, 'return-current'],
    ['d = 0 just within G', {}, 5, at + retryMs - 1, usual, 'return-current'],
    ['d = 0 at exactly G', {}, 5, at + retryMs, usual, 'rotate'],
    ['d = 0, the clock set back by less than G', {}, 5, at - retryMs + 1, usual, 'return-current'],
    ['d = 0, the clock set back by G', {}, 5, at - retryMs, usual, 'rotate'],
    ['d = 0, G = 0, in the millisecond of the rotation', {}, 5, at, strict, 'rotate'],
    ['d = 1 just within G', {}, 4, at + retryMs - 1, usual, 'return-successor'],
    ['d = 1 within G, whatever was counted before', { retries: [at - 3, at - 2] }, 4, at, usual, 'return-successor'],
    ['d = 1 at exactly G', {}, 4, at + retryMs, usual, 'count-retry'],
    ['d = 1, the clock set back by G', {}, 4, at - retryMs, usual, 'count-retry'],
    ['d = 1 within G of the last counted retry', { retries: [late] }, 4, late + retryMs - 1, usual, 'return-successor'],
    [
      'd = 1 within G of the last retry that the day allows',
      { retries: [late - 1, late] },
      4,
      late + 1,
      usual,
      'return-successor'
    ],
    [
      'd = 1 within G of a retry that is not the last',
      { retries: [late, late - retryMs] },
      4,
      late + 1,
      usual,
      'reuse'
    ],
    ['d = 1 at exactly G after the last counted retry', { retries: [late] }, 4, late + retryMs, usual, 'count-retry'],
    ['d = 1, one short of the limit', { retries: [late - dayMs + 1] }, 4, late, usual, 'count-retry'],
    ['d = 1 at the limit', { retries: [late - dayMs + 1, late - retryMs] }, 4, late, usual, 'reuse'],
    [
      'd = 1 at the limit, but the first is 24 h old',
      { retries: [late - dayMs, late - retryMs] },
      4,
      late,
      usual,
      'count-retry'
    ],
    ['d = 1, G = 0, lateRetries = 0, in the millisecond of the rotation', {}, 4, at, strict, 'reuse'],
    ['d = 1, G = 0, lateRetries = 1', {}, 4, at, { retryMs: 0, lateRetries: 1 }, 'count-retry'],
    ['d = 1, lateRetries = 0, within G', {}, 4, at + 1, { retryMs, lateRetries: 0 }, 'return-successor'],
    ['d = 1, lateRetries = 0, at exactly G', {}, 4, at + retryMs, { retryMs, lateRetries: 0 }, 'reuse'],
    ['d = 2 within G', {}, 3, at + retryMs - 1, usual, 'superseded'],
    ['d = 5 within G', {}, 0, at, usual, 'superseded'],
    ['d = 2 at exactly G', {}, 3, at + retryMs, usual, 'reuse'],
    ['d = 2 within G of a counted retry only', { retries: [late] }, 3, late, usual, 'reuse'],
    ['d = 2, G = 0', {}, 3, at, strict, 'reuse'],
    ['d = -1 within G', {}, 6, at, usual, 'roll-forward'],
    ['d = -7 later', {}, 12, at + dayMs, usual, 'roll-forward'],
    ['d = -1, strict', {}, 6, at, strict, 'roll-forward']
  ]
  for (const [name, changes, generation, now, policy, verdict] of cases) {
    t.equal(decide({ ...row, ...changes }, { generation, storeTime: now, ...policy }), verdict, name)
  }
})

t.test(
  'decide() returns `rotate` exactly when isRotatable() is true, as the store decides in one round trip',
  async (t) => {
    const { rotatedAt, idleExpiresAt } = row
    const states: Partial<SessionRow>[] = [{}, { revokedAt: rotatedAt }, { retries: [rotatedAt + 1] }]
    const distances = [0, 1, retryMs - 1, retryMs, retryMs + 1, day * 1000]
    const times = [...distances.flatMap((ms) => [rotatedAt + ms, rotatedAt - ms]), idleExpiresAt - 1, idleExpiresAt]
    for (const [state, policy] of states.flatMap((state) => [[state, usual] as const, [state, strict] as const])) {
      for (const generation of [3, 4, 5, 6, 7]) {
        for (const storeTime of times) {
          const changed = { ...row, ...state }
          const isRotate = decide(changed, { generation, storeTime, ...policy }) === 'rotate'
          const { retryMs: minAgeMs } = policy
          if (isRotate !== isRotatable(changed, { from: generation, minAgeMs, storeTime })) {
            t.fail('they differ', { state, policy, generation, storeTime })
          }
        }
      }
    }
    t.equal(isRotatable(row, { from: 5, minAgeMs: retryMs, storeTime: rotatedAt + retryMs }), true)
  }
)

t.test('streakAt() counts generations that were presented again one after the other', async (t) => {
  const rows: [repeatedGeneration: number | null, repeatStreak: number, repeated: number, streak: number][] = [
    [null, 0, 0, 1],
    [0, 1, 1, 2],
    [4, 2, 5, 3],
    [3, 2, 5, 1],
    [6, 2, 5, 1]
  ]
  for (const [repeatedGeneration, repeatStreak, repeated, streak] of rows) {
    t.equal(streakAt({ repeatedGeneration, repeatStreak }, repeated), streak, `${repeatedGeneration}, ${repeated}`)
  }
})
