import type { AuthEvent } from '../plugin/index.ts'

type Listener = (event: AuthEvent) => void

export type AuthEvents = ReturnType<typeof createAuthEvents>

/** The plugin takes one `onEvent`; this hands its events to as many as want them, and what one does with them is no other's fault. */
export function createAuthEvents() {
  const listeners = new Set<Listener>()

  return {
    subscribe(listener: Listener): void {
      listeners.add(listener)
    },

    /** @throws the first error of a listener, after all have heard of it: the plugin logs it */
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
