import t from 'tap'
import { createAuthEvents } from '../../../example-server/operations/auth-events.ts'

t.test('publish() calls every listener, even if another one throws', async (t) => {
  const events = createAuthEvents()
  const heard: string[] = []
  events.subscribe(() => {
    throw new Error('the log is full')
  })
  events.subscribe(({ type }) => heard.push(type))
  t.throws(() => events.publish({ type: 'session-revoked', sessionId: 'x', reason: null, here: true }), {
    message: 'the log is full'
  })
  t.strictSame(heard, ['session-revoked'])
})
