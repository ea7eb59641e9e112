import t, { type Test } from 'tap'
import { brokenStores } from '../fixtures/history-broken-stores.ts'
import type { BrokenStore } from '../fixtures/history-broken-stores.ts'
import { skips } from '../fixtures/place.ts'
import { check } from './check.ts'
import type { History } from './history.ts'
import type { RecordOptions } from './record.ts'
import { expiringOptions, recordHistory } from './record.ts'

t.setTimeout(600_000)
// Most of the time is spent waiting for sessions to become old enough.
t.jobs = 3

const seed = Number(process.env.HISTORY_SEED ?? Date.now() % 1_000_000)

// The servers end when this process exits; a signal alone does not run the exit handlers.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Reports each violation, with the operations around it. */
function assertAsPromised(t: Test, history: History): void {
  const violations = check(history)
  for (const { sentence, excerpt } of violations.slice(0, 5)) t.comment(`${sentence}\n${excerpt}`)
  t.strictSame(
    violations.map(({ sentence }) => sentence),
    [],
    `${history.operations.length} operations, seed ${seed}`
  )
}

// A failover of Redis and three servers take longer: `npm run test:histories` runs each for a minute.
for (const store of ['memory', 'sqlite', 'redis', 'postgres'] as const) {
  const skip = store === 'memory' ? false : skips[store]
  const name = `what clients see of three nodes over ${store} that fails is what is promised`
  t.test(name, { skip, buffered: true }, async (t) => {
    const inProcesses = store === 'sqlite'
    assertAsPromised(t, await recordHistory(store, { seconds: 4, operations: 400, least: 100, seed, inProcesses }))
  })
}

// Each store's own rules for expiry are in its contract; `npm run test:histories -- --expiring` runs this over all.
t.test(
  'a session that is refreshed and swept as it expires is either alive or gone',
  { skip: skips.sqlite, buffered: true },
  async (t) => {
    const expiring = { ...expiringOptions, seconds: 6, operations: 160, seed, inProcesses: false }
    const history = await recordHistory('sqlite', expiring)
    assertAsPromised(t, history)
    t.ok(history.operations.some(({ call, outcome }) => call.do === 'refresh' && outcome !== null))
  }
)

interface Noticed {
  readonly by: RegExp
  readonly only: NonNullable<RecordOptions['only']>
  readonly policy?: RecordOptions['policy']
  readonly faults?: string
}

const tooLate = /^a sign-in succeeds whose password was read before all sessions were ended$/
const notMadeUpFor =
  /^a(n access| refresh) token is (accepted|exchanged) after recovery, although|since its end was written again$/
const acceptedElsewhere = /^an access token is accepted by a node that has read the log since its session ended$/
const exchangedAfterEnd = /^a refresh token is exchanged after its session ended$/

const noticed: Record<BrokenStore, Noticed> = {
  'rotates without comparing': { by: /^a refresh returns neither the same token nor its successor$/, only: ['tabs'] },
  'rotates at any age': { by: /^a token is exchanged before retrySeconds have passed$/, only: ['sign-out in a race'] },
  'does not count late retries': {
    by: /^more late retries are served than allowed$/,
    only: ['late retries'],
    policy: { lateRetries: 1 }
  },
  'returns from revoke() without revoking': { by: exchangedAfterEnd, only: ['brief'] },
  'revokes after it has responded': { by: exchangedAfterEnd, only: ['brief'] },
  'does not log what revoke() revoked': { by: acceptedElsewhere, only: ['brief', 'honest'] },
  'forgets revokeAll() for sign-ins under way': { by: tooLate, only: ['several devices'] },
  'revokes nothing in revokeAll()': { by: exchangedAfterEnd, only: ['several devices'] },
  'spares nobody in revokeAll()': { by: /^a session has ended that nobody ended$/, only: ['several devices'] },
  'ignores appendRevocations()': { by: notMadeUpFor, only: ['brief'], faults: 'store throws' },
  'finds revoked sessions alive': { by: exchangedAfterEnd, only: ['brief'] },
  'lists revoked sessions': { by: /^a session is listed after it ended$/, only: ['several devices'] },
  'loses a session now and then': { by: /^a session has ended that nobody ended$/, only: ['honest'] },
  'fails now and then': { by: /^the store is unavailable, and nothing is wrong with it$/, only: ['honest'] },
  'returns a session of another': { by: /^a session has ended that nobody ended$/, only: ['honest'] },
  'stops reading the log': { by: /^a node does not read the log any more after all faults are over$/, only: ['honest'] }
}

/** A busy machine can miss the moment at which it would show. */
const rounds = 8
/** In parallel, because most of the time is spent waiting for sessions to become old enough. */
const lanes = 8

t.test('check() finds the fault of each broken store', { buffered: true }, async (t) => {
  t.strictSame(Object.keys(noticed).sort(), Object.keys(brokenStores).sort())
  const left = Object.entries(noticed)
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [broken, { by, ...options }] = next
        let sentences: string[] = []
        for (let round = 0; round < rounds && !sentences.some((sentence) => by.test(sentence)); round++) {
          const history = await recordHistory('memory', {
            seconds: 4,
            operations: 150,
            seed: seed + round,
            faults: 'none',
            broken: broken as BrokenStore,
            ...options
          })
          sentences = check(history).map(({ sentence }) => sentence)
        }
        t.ok(
          sentences.some((sentence) => by.test(sentence)),
          `${broken}: ${[...new Set(sentences)].join('; ')}`
        )
      }
    })
  )
})
