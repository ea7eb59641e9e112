// undici as the option `fetch`, with an agent of its own: for a proxy, a private CA or mTLS.
import { Agent, fetch as undiciFetch, FormData as UndiciFormData } from 'undici'
import t from 'tap'
import { repeated, signIn } from '../session.ts'

t.test('undici sends all requests, also the refresh, by its own agent', async (t) => {
  const sent: string[] = []
  const dispatcher = new Agent().compose((dispatch) => (options, handler) => {
    sent.push(`${options.method} ${options.path}`)
    return dispatch(options, handler)
  })
  t.teardown(() => dispatcher.close())
  const { auth, url, log, expire } = await signIn(t, {
    fetch: (input, init) => undiciFetch(input, { ...init, dispatcher })
  })
  expire()
  const form = new UndiciFormData()
  form.set('title', 'one')
  const response = await auth.fetch(`${url}/form`, { method: 'POST', body: form })
  t.strictSame(await response.json(), [['title', null, 'one']])
  t.strictSame(log(), repeated('POST /form'))
  t.strictSame(sent, ['POST /form', 'POST /auth/refresh', 'POST /form'])
})
