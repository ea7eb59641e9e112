import t from 'tap'
import { createAuth } from '../../client/index.js'

t.test('x', async (t) => {
  const auth = createAuth<{ name: string }>({ refresh: '/r', baseUrl: 'http://x.example' })
  auth.user?.name satisfies string | undefined
  t.ok(auth)
})
