import type { AuthEvent } from '../events.ts'
import { fn } from './shape.ts'

/** What the plugin shares with the application around it. */
export interface EnvironmentOptions {
  /**
   * Receives every {@link AuthEvent}, for logs, metrics and alarms. What it returns is ignored; if it throws or
   * rejects, a warning is logged. Default: none.
   */
  readonly onEvent?: ((event: AuthEvent) => unknown) | undefined
  /** The current time in milliseconds since the epoch; for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined
}

export const environmentShape = { onEvent: fn, clock: fn }

export function resolveEnvironment({ onEvent = () => {}, clock = Date.now }: EnvironmentOptions) {
  return { onEvent, clock }
}
