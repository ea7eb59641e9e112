import { input } from '../input.js'
import { serveCases } from './cases.js'
import { idOf, rotate } from './session.js'

const { location, sessions } = input
const { open } = await import(`./stores/${location.store}.js`)

async function rotationAmong(count, name) {
  const { store, fill, bytes } = await open(location, name)
  const before = await bytes()
  await fill(count)
  const bytesPerSession = ((await bytes()) - before) / count
  const generations = new Uint32Array(count + 1)

  /** Returns the median, because a few calls wait for a checkpoint. */
  async function run(operations) {
    const times = new Float64Array(operations)
    for (let index = 0; index < operations; index++) {
      const number = 1 + Math.floor(Math.random() * count)
      const id = idOf(number)
      const start = performance.now()
      await rotate(store, id, generations[number]++)
      times[index] = performance.now() - start
    }
    return times.sort()[operations >> 1] * 1000
  }

  return { run, bytesPerSession }
}

const few = await rotationAmong(sessions.few, 'few')
const many = await rotationAmong(sessions.many, 'many')
serveCases({ few: few.run, many: many.run }, { bytesPerSession: many.bytesPerSession })
