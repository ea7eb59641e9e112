import t from 'tap'
import { beforeDeadline } from '../plugin/deadline.ts'

const lateness = () => new Error('too late')

t.test('beforeDeadline() gives what the work gives in time, be it an error', async (t) => {
  t.equal(await beforeDeadline(() => 'at once', { ms: 1000, lateness }), 'at once')
  t.equal(await beforeDeadline(async () => 'soon', { ms: 1000, lateness }), 'soon')
  await t.rejects(
    beforeDeadline(
      async () => {
        throw new Error('its own')
      },
      { ms: 1000, lateness }
    ),
    { message: 'its own' }
  )
  await t.rejects(
    beforeDeadline(
      () => {
        throw new Error('its own, at once')
      },
      { ms: 1000, lateness }
    ),
    { message: 'its own, at once' }
  )
})

t.test('beforeDeadline() waits no longer than its time, and tells the work', async (t) => {
  let told: unknown
  const work = (late: Promise<never>) =>
    late.catch((error) => {
      told = error.message
    })
  await t.rejects(
    beforeDeadline(() => new Promise(() => {}), { ms: 1, lateness }),
    { message: 'too late' }
  )
  await t.rejects(
    beforeDeadline(
      async (late) => {
        await work(late)
        return await new Promise(() => {})
      },
      { ms: 1, lateness }
    ),
    { message: 'too late' }
  )
  t.equal(told, 'too late')
})
