import t from 'tap'
import { detailsOf, packDetails, type SessionDetails } from '../../plugin/sessions/session-details.ts'

const plain: SessionDetails = { persistent: true, authTime: null, acr: null, amr: null }

t.test('packDetails() keeps only what detailsOf() does not assume', async (t) => {
  const rows: [details: SessionDetails, packed: object][] = [
    [plain, {}],
    [{ ...plain, persistent: false }, { persistent: false }],
    [{ ...plain, authTime: 0 }, { authTime: 0 }],
    [{ ...plain, acr: '' }, { acr: '' }],
    [{ ...plain, amr: [] }, { amr: [] }],
    [
      { persistent: false, authTime: 1_900_000_000, acr: 'mfa', amr: ['pwd', 'otp'] },
      { persistent: false, authTime: 1_900_000_000, acr: 'mfa', amr: ['pwd', 'otp'] }
    ]
  ]
  for (const [details, packed] of rows) {
    t.strictSame(packDetails(details), packed)
    t.strictSame(detailsOf({ details: packed as Record<string, unknown> }), details)
  }
})
