import { input } from '../input.js'
import { idOf, inserting, rotate, session } from './session.js'

const { location, sessions } = input
const { open } = await import(`./stores/${location.store}.js`)
const { store } = await open(location, 'load')
await store.prepare?.()

/** How many calls are in the air, as on a node that serves many clients. */
const concurrency = 32
let cursor = null

/** What the plugin asks of the store. Each operation uses a session of its own, and all sessions exist before. */
const operations = {
  'sign-in': (number) => store.insert(session(number), inserting),
  refresh: (number) => rotate(store, idOf(number), 0),
  'sign-out': (number) => store.revoke(idOf(number), { lifetimeSeconds: 600 }),
  async 'empty read of the log'() {
    ;({ cursor } = await store.readRevocations(cursor, 1000))
  }
}

async function runAll(name) {
  if (name === 'empty read of the log') {
    for (let more = true; more;) ({ cursor, more } = await store.readRevocations(cursor, 1000))
  }
  let next = 1
  const worker = async () => {
    while (next <= sessions) await operations[name](next++)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

process.on('message', async ({ name }) => {
  await runAll(name)
  process.send({ operations: sessions })
})
process.on('disconnect', () => process.exit())
process.send({ names: Object.keys(operations) })
