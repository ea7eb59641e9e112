import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Heartbeats } from '../../../plugin/stores/push/heartbeats.ts'

/** Nodes that hear each other without delay, as long as the channel is open. `sent` holds when a message was sent. */
function connect(t: Test, randoms: readonly number[], { fails = false, stepMs = 10 } = {}) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let now = 0
  let isOpen = true
  const sent: number[] = []
  const nodes = randoms.map(
    (value) =>
      new Heartbeats({
        async send() {
          sent.push(now)
          if (fails) throw new Error('the connection is closed')
          if (isOpen) for (const node of nodes) node.heard()
        },
        random: () => value,
        monotonic: () => now
      })
  )
  return {
    nodes,
    sent,
    cut: () => {
      isOpen = false
    },
    async pass(ms: number) {
      for (let step = 0; step < ms; step += stepMs) {
        now += stepMs
        mock.timers.tick(stepMs)
        await setImmediate()
      }
    }
  }
}

t.test('Heartbeats of one node are at most 2 s apart', async (t) => {
  for (const [random, expected] of [
    [0, [1500, 3000, 4500]],
    [1, [1900, 3800]]
  ] as const) {
    await t.test(`random ${random}`, async (t) => {
      const { nodes, sent, pass } = connect(t, [random])
      nodes[0]!.start()
      nodes[0]!.start()
      await pass(5000)
      t.strictSame(sent, expected)
      nodes[0]!.stop()
    })
  }
})

t.test('Heartbeats of 20 nodes are about as many as those of one: the first to send speaks for all', async (t) => {
  const { nodes, sent, pass } = connect(
    t,
    Array.from({ length: 20 }, (_, index) => (index + 1) / 20)
  )
  for (const node of nodes) node.start()
  await pass(16_000)
  t.equal(sent.length, 10, sent.join())
  for (const node of nodes) node.stop()
})

t.test('Heartbeats are not sent while other messages arrive', async (t) => {
  const { nodes, sent, pass } = connect(t, [0.5])
  const [node] = nodes
  node!.start()
  for (let second = 0; second < 10; second++) {
    node!.heard()
    await pass(1000)
  }
  t.strictSame(sent, [])
  await pass(1000)
  t.strictSame(sent, [10_700], '1.7 s after the last message')
  node!.stop()
})

t.test('Heartbeats are never sent before the silence is over, not even by a millisecond', async (t) => {
  const { nodes, sent, pass } = connect(t, [0], { stepMs: 1 })
  nodes[0]!.start()
  await pass(1)
  nodes[0]!.heard()
  await pass(1600)
  t.strictSame(sent, [1501])
  nodes[0]!.stop()
})

t.test('Heartbeats are sent although nobody hears them, and although sending fails', async (t) => {
  for (const fails of [false, true]) {
    await t.test(fails ? 'failing' : 'unheard', async (t) => {
      const { nodes, sent, pass, cut } = connect(t, [0], { fails })
      cut()
      nodes[0]!.start()
      nodes[0]!.start()
      await pass(4500)
      t.strictSame(sent, [1500, 3000, 4500])
      nodes[0]!.stop()
    })
  }
})

t.test('stop() sends no more heartbeats, also if one is being sent', async (t) => {
  const { nodes, sent, pass } = connect(t, [0])
  const [node] = nodes
  node!.start()
  await pass(1490)
  node!.stop()
  await pass(5000)
  t.strictSame(sent, [])

  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout'] })
  let finish = () => {}
  let calls = 0
  const slow = new Heartbeats({
    send() {
      calls++
      return new Promise<void>((resolve) => {
        finish = resolve
      })
    },
    random: () => 0,
    monotonic: () => 0
  })
  slow.start()
  mock.timers.tick(1500)
  await setImmediate()
  mock.timers.tick(60_000)
  t.equal(calls, 1, 'one at a time')
  slow.stop()
  finish()
  await setImmediate()
  mock.timers.tick(60_000)
  t.equal(calls, 1)
})
