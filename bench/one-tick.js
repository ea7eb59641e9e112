import { createHook } from 'node:async_hooks'

/**
 * Keeps one tick of `process.nextTick()` from being collected, in every measured process. Where none is alive at a full
 * collection, V8 forgets what ticks look like, and Node's code that makes one, several times a request, can be compiled
 * for that shape no more: a quarter more for each request, for good. Whether that happens to a process is a matter of how
 * much it allocates while it starts, and of luck: both would pass for properties of what is measured.
 */
const hook = createHook({
  init(_id, type, _trigger, resource) {
    if (type === 'TickObject') globalThis.oneTick = resource
  }
}).enable()
process.nextTick(() => {})
hook.disable()
