import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { PushFeed, type PushFeedParts } from '../../../plugin/stores/push/feed.ts'

const until = 1790000000000
const message = (id: string, call?: string) => JSON.stringify({ call, entries: [['s', id, `${until}`]] })

function create(t: Test, publish: PushFeedParts['publish'] = async () => {}) {
  const feed = new PushFeed({ publish })
  t.teardown(() => feed.close())
  const heard: unknown[] = []
  feed.add({
    wake: () => heard.push('wake'),
    revoked: (entries) => heard.push(entries.map(({ id }) => id).join()),
    heartbeat: () => heard.push('heartbeat')
  })
  return { feed, heard: () => heard.splice(0) }
}

t.test('receive() passes entries and heartbeats on, and wakes for what it does not understand', async (t) => {
  const { feed, heard } = create(t)
  feed.receive('heartbeat')
  t.strictSame(heard(), ['heartbeat'])
  feed.receive(message('s1', 'theirs'))
  t.strictSame(heard(), ['heartbeat', 's1'], 'every message shows that the connection delivers')
  for (const text of ['', 'garbage', '{"entries":[["s"]]}']) {
    feed.receive(text)
    t.strictSame(heard(), ['heartbeat', 'wake'], text)
  }
})

t.test('receive() reports no heartbeat if messages may take different ways', async (t) => {
  const { feed, heard } = create(t, null)
  feed.receive('heartbeat')
  feed.receive(message('s1'))
  feed.receive('')
  t.strictSame(heard(), ['s1', 'wake'])
})

t.test('add() starts the heartbeats, which every message delays, and close() ends them', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let now = 0
  const sent: [string, number][] = []
  const feed = new PushFeed({
    publish: async (text) => sent.push([text, now]),
    random: () => 0,
    monotonic: () => now
  })
  async function pass(ms: number) {
    for (const end = now + ms; now < end;) {
      now += 100
      mock.timers.tick(100)
      await setImmediate()
    }
  }
  await pass(5000)
  t.strictSame(sent, [], 'nobody listens')
  feed.add({ wake() {}, revoked() {}, heartbeat() {} })
  await pass(1000)
  feed.receive(message('s1'))
  await pass(2000)
  t.strictSame(sent, [['heartbeat', 7500]])
  feed.close()
  await pass(5000)
  t.equal(sent.length, 1)
})

t.test('run() holds back what its call has published, until the caller has recorded the outcome', async (t) => {
  for (const fails of [false, true]) {
    const { feed, heard } = create(t, null)
    let settle = (_failure?: Error) => {}
    const call = new Promise<string>((resolve, reject) => {
      settle = (failure) => (failure ? reject(failure) : resolve('outcome'))
    })
    const order: unknown[] = []
    const caller = feed
      .run('ours', () => call)
      .catch((error: Error) => error.message)
      .then((outcome) => order.push(outcome))
    feed.receive(message('a', 'ours'))
    feed.receive(message('b', 'theirs'))
    feed.receive(message('c', 'ours'))
    t.strictSame(heard(), ['b'])
    settle(fails ? new Error('timed out') : undefined)
    await caller
    t.strictSame([order, heard()], [[fails ? 'timed out' : 'outcome'], []], 'the caller comes first')
    await setImmediate()
    t.strictSame(heard(), ['a,c'], 'also if the call seems to have failed')
    feed.receive(message('d', 'ours'))
    t.strictSame(heard(), ['d'], 'a message that comes late')
    await feed.run('ours', async () => {})
    await setImmediate()
    t.strictSame(heard(), [], 'a call that publishes nothing')
  }
})

t.test('run() recognizes the caller that the database names, and holds nothing back for an unknown one', async (t) => {
  const { feed, heard } = create(t, null)
  await feed.run(4711, async () => {
    feed.receive(message('a'), 4711)
    feed.receive(message('b'), 4712)
    t.strictSame(heard(), ['b'])
  })
  await setImmediate()
  t.strictSame(heard(), ['a'])
  await feed.run(undefined, async () => {
    feed.receive(message('c'))
    t.strictSame(heard(), ['c'])
  })
})

t.test('close() passes on nothing more, not even what is held back, and refuses new listeners', async (t) => {
  const { feed, heard } = create(t)
  await feed.run('ours', async () => {
    feed.receive(message('a', 'ours'))
    heard()
    feed.close()
  })
  await setImmediate()
  feed.receive(message('b'))
  feed.wake()
  t.strictSame(heard(), [])
  t.throws(() => feed.add({ wake() {}, revoked() {}, heartbeat() {} }), {
    message: 'Cannot subscribe: the store is closed'
  })
})
