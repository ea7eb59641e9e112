import { given } from '../given.js'
import { answer } from './answer.js'
import { idOf, rotate } from './session.js'

const { place, sessions } = given
const { open } = await import(`./stores/${place.store}.js`)

async function rotationAmong(count, name) {
  const { store, fill, bytes } = await open(place, name)
  const before = await bytes()
  await fill(count)
  const bytesPerSession = ((await bytes()) - before) / count
  const generations = new Uint32Array(count + 1)

  /** The median, for one in many waits for a checkpoint or the like. */
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
answer({ few: few.run, many: many.run }, { bytesPerSession: many.bytesPerSession })
