import t from 'tap'
import { createAuth } from '../../client/index.js'

t.test('createAuth() names a wrong option', async (t) => {
  const baseUrl = 'https://api.example.com'
  t.throws(() => createAuth({ refresh: '/refresh' }), {
    name: 'TypeError',
    message: 'createAuth(): "baseUrl" is required outside of a browser'
  })
  t.throws(() => createAuth({ refresh: '', baseUrl }), { message: 'createAuth(): "refresh" must be a URL: received ' })
})
