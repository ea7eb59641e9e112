import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { memoryStore } from '../../dist/stores/memory.js'
import { input } from '../input.js'
import { captureRequest } from './captured-request.js'
import { serveCases } from './cases.js'
import { inserting, session } from './session.js'

const { revocations, sessions, seconds, folder } = input
const daysMs = 24 * 3600 * 1000
const pageOf = (entries, start, limit) => entries.slice(start, start + limit)

/** Resolves to the longest time for which nothing else could run meanwhile, and to the most processor time. */
async function longestStop(work) {
  const longest = { ms: 0, cpuMs: 0 }
  let running = true
  let last = performance.now()
  let lastCpu = cpuMs()
  const look = () => {
    const [now, nowCpu] = [performance.now(), cpuMs()]
    longest.ms = Math.max(longest.ms, now - last)
    longest.cpuMs = Math.max(longest.cpuMs, nowCpu - lastCpu)
    last = now
    lastCpu = nowCpu
    if (running) setImmediate(look)
  }
  setImmediate(look)
  await work()
  running = false
  await new Promise((resolve) => setImmediate(resolve))
  return longest
}

function cpuMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The entries exist before: to make them would be a stop of its own. */
async function loadRevocations() {
  const until = Date.now() + daysMs
  const all = Array.from({ length: revocations }, () => ({
    kind: 'session',
    id: randomBytes(16).toString('base64url'),
    until
  }))
  let finish
  const loaded = new Promise((resolve) => {
    finish = resolve
  })
  async function readRevocations(cursor, limit) {
    const start = Number(cursor ?? 0)
    const entries = pageOf(all, start, limit)
    const end = start + entries.length
    if (end === revocations) setImmediate(finish)
    return { entries, cursor: String(end), more: end < revocations, resumed: true, storeTime: Date.now() }
  }
  const { app } = await captureRequest()
  await app.close()
  let opened
  const longest = await longestStop(async () => {
    opened = await captureRequest({ store: { ...memoryStore(), readRevocations } })
    await loaded
  })
  await opened.app.close()
  return longest
}

async function sweepMemory() {
  let now = Date.now()
  const store = memoryStore({ clock: () => now })
  for (let number = 1; number <= sessions.memory; number++) await store.insert(session(number), inserting)
  now += 100 * daysMs
  return await longestStop(() => store.sweep())
}

async function sweepSqlite() {
  const { openFile, fillFile } = await import('./stores/sqlite.js')
  const file = `${folder}/sweep-${Date.now()}.db`
  let now = Date.now()
  const store = openFile(file, { clock: () => now })
  await fillFile(store, { file, count: sessions.sqlite })
  now += 100 * daysMs
  // To remove all of them takes minutes, because others have their turn meanwhile. The slices are alike.
  return await longestStop(() => Promise.race([store.sweep(), setTimeout(seconds * 1000)]))
}

const cases = { load: loadRevocations, memory: sweepMemory, sqlite: sweepSqlite }
serveCases({}, await cases[input.name]())
