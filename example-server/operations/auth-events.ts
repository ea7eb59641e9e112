import type { AuthEvent } from 'fastify-authenticate'

type Listener = (event: AuthEvent) => void

export type AuthEvents = ReturnType<typeof createAuthEvents>

/** Passes the events of the plugin, which takes a single `onEvent`, to any number of listeners. */
export function createAuthEvents() {
  const listeners = new Set<Listener>()

  return {
    subscribe(listener: Listener): void {
      listeners.add(listener)
    },

    /** @throws the first error of a listener, after all listeners have run; the plugin logs it */
    publish(event: AuthEvent): void {
      const errors: unknown[] = []
      for (const listener of listeners) {
        try {
          listener(event)
        } catch (error) {
          errors.push(error)
        }
      }
      if (errors.length > 0) throw errors[0]
    }
  }
}
