import t from 'tap'
import { createInjected } from '../../fixtures/example-server.ts'

t.test(
  '/page/me responds 200 and `null` to a browser without credentials, and refuses as /me with wrong ones',
  async (t) => {
    const { app } = await createInjected(t)
    const nobody = await app.inject('/page/me')
    t.strictSame([nobody.statusCode, nobody.json()], [200, null])
    t.equal(nobody.headers['cache-control'], 'no-store')
    t.notOk(nobody.headers['www-authenticate'])
    for (const headers of [{ authorization: 'Bearer x' }, { cookie: '__Host-access=x' }]) {
      const [asked, me] = [await app.inject({ url: '/page/me', headers }), await app.inject({ url: '/me', headers })]
      t.equal(asked.statusCode, me.statusCode, JSON.stringify(headers))
      t.match(asked.json(), { code: me.json().code })
    }
  }
)
