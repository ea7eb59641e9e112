import t from 'tap'
import { brokenStores } from '../fixtures/race-broken-stores.ts'
import type { BrokenStore } from '../fixtures/race-broken-stores.ts'
import { skips, storeNames } from '../fixtures/race-database.ts'
import { race } from './drive.ts'
import { killAgainAndAgain } from './kill.ts'
import type { Kind } from './kinds.ts'

t.setTimeout(400_000)

for (const store of storeNames) {
  t.test(`races of four processes over ${store} leave one successor at most, and nothing alive that has ended`, { skip: skips[store] }, async (t) => {
    const { races, violations, longestMs, seconds } = await race(store, { count: 200 })
    t.ok(races >= 200)
    t.strictSame(violations, [])
    t.comment(`${races} races in ${seconds.toFixed()} s, longest answer ${longestMs.toFixed()} ms`)
  })
}

const noticed: Record<BrokenStore, [Kind, RegExp]> = {
  'rotates without comparing': ['refresh x 20', /^refresh x 20: one token has \d+ successors$/],
  'ends no session': ['refresh || sign-out', /a refresh token works after the end$/],
  'ends sessions later': ['refresh || sign-out', /(a refresh token works after the end|the store has a live session after the end)$/],
  'forgets when all were ended': ['sign-in || revokeAll', /the store has a live session after the end$/],
  'does not feed what was ended': ['refresh || sign-out', /an access token works after the end$/]
}

t.test('the races notice a store that', async (t) => {
  t.strictSame(Object.keys(noticed), Object.keys(brokenStores))
  for (const [broken, [kind, sentence]] of Object.entries(noticed)) {
    const { violations } = await race('sqlite', { count: 20, only: [kind], broken: broken as BrokenStore })
    t.ok(violations.some((violation) => sentence.test(violation)), `${broken}: ${violations.length} violations`)
  }
})

for (const store of ['sqlite', 'postgres'] as const) {
  t.test(`a server that is killed over ${store} leaves each session one usable token, and nothing alive that has ended`, { skip: skips[store] }, async (t) => {
    const { violations, refreshes } = await killAgainAndAgain(store, { kills: 3 })
    t.strictSame(violations, [])
    t.ok(refreshes > 0)
  })
}
