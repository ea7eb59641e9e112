import { EventEmitter } from 'node:events'
import t from 'tap'
import { networkOf } from '../../../example-server/attempts/client-network.ts'
import { createLiveSockets } from '../../../example-server/live/live-sockets.ts'
import { createClock } from '../../fixtures/app.ts'

/** A WebSocket without a connection. */
class Peer extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  pings = 0
  readonly heard: unknown[] = []
  ping() {
    this.pings++
  }
  send(data: string) {
    this.heard.push(JSON.parse(data))
  }
  close(code: number, reason: string) {
    this.heard.push([code, reason])
    this.leave()
  }
  terminate() {
    this.leave()
  }
  leave() {
    this.readyState = 3
    this.emit('close')
  }
}

const holder = { sub: 'bob', site: '192.0.2.1', sessionId: null, expiresAt: Date.now() + 600_000 }

t.test('ping() destroys the socket of a peer that has not sent a pong since the last ping', async (t) => {
  const sockets = createLiveSockets()
  const [alive, gone] = [new Peer(), new Peer()]
  for (const peer of [alive, gone]) sockets.add(peer as any, holder)
  sockets.ping()
  t.strictSame([alive.pings, gone.pings, sockets.count()], [1, 1, 2])
  alive.emit('pong')
  sockets.ping()
  t.strictSame([alive.pings, gone.pings, sockets.count()], [2, 1, 1])
  alive.terminate()
  t.equal(sockets.count(), 0)
})

t.test('endSession() touches only the sockets of that session', async (t) => {
  const sockets = createLiveSockets({ setTimer: () => () => {} })
  let looks = 0
  const peers = Array.from({ length: 400 }, (_, index) => {
    const peer = new Peer()
    sockets.add(peer as any, {
      ...holder,
      sub: `user ${index}`,
      get sessionId() {
        looks++
        return `session ${index >> 1}`
      }
    })
    Object.defineProperty(peer, 'readyState', {
      get() {
        looks++
        return 1
      },
      set() {}
    })
    return peer
  })
  looks = 0
  for (let ended = 0; ended < 500; ended++) sockets.endSession(`elsewhere ${ended}`)
  t.equal(looks, 0)
  sockets.endSession('session 100')
  t.equal(looks, 2)
  t.strictSame(
    peers.flatMap(({ heard }, index) => (heard.length > 0 ? [index] : [])),
    [200, 201]
  )
  t.strictSame(peers[200]!.heard, [{ type: 'session-ended' }, [4401, 'session-ended']])
})

t.test('a token of 60 days closes its socket after 60 days, although a timer overflows after 25', async (t) => {
  const day = 24 * 3600 * 1000
  const clock = createClock()
  let timer = { callback: () => {}, ms: NaN }
  const sockets = createLiveSockets({
    clock,
    setTimer: (callback, ms) => {
      timer = { callback, ms }
      return () => {}
    }
  })
  const peer = new Peer()
  sockets.add(peer as any, { ...holder, expiresAt: clock() + 60 * day })
  let passed = 0
  while (peer.heard.length === 0) {
    t.ok(timer.ms > 0 && timer.ms < 2 ** 31, `${timer.ms} ms fit into a timer`)
    passed += timer.ms
    clock.advance(timer.ms / 1000)
    timer.callback()
  }
  t.equal(passed, 60 * day)
  t.strictSame(peer.heard, [{ type: 'token-expired' }, [4401, 'token-expired']])
})

t.test('add() refuses the 2001st socket of a site, however many users and networks it has', async (t) => {
  const sockets = createLiveSockets({ setTimer: () => () => {} })
  const { site } = networkOf({ ip: '2001:db8:1:2::3' })
  t.equal(networkOf({ ip: '2001:db8:1:ffff::3' }).site, site)
  const peers = Array.from({ length: 2000 }, () => new Peer())
  t.ok(peers.every((peer, index) => sockets.add(peer as any, { ...holder, sub: `user ${index}`, site })))
  const more = () => sockets.add(new Peer() as any, { ...holder, sub: 'one more', site })
  t.equal(more(), false)
  t.ok(sockets.add(new Peer() as any, { ...holder, site: networkOf({ ip: '2001:db8:2::1' }).site }))
  peers[0]!.leave()
  t.ok(more(), 'a closed socket no longer counts')
})
