/** A node that receives nothing for this long sends at a random moment of what follows: usually one sends for all. */
const silenceMs = 1500
const spreadMs = 400

export interface HeartbeatsParts {
  /** Sends a message that every node hears, this one too. */
  readonly send: () => Promise<unknown>
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined
  /** Milliseconds that never run back. Default: `performance.now`. */
  readonly monotonic?: (() => number) | undefined
}

/**
 * Lets no 2 s pass without a message: sends one if nobody else has. So a group of nodes sends about as many as one
 * node alone, and none while sessions are revoked all the time.
 */
export class Heartbeats {
  readonly #send: () => Promise<unknown>
  readonly #random: () => number
  readonly #monotonic: () => number
  #timer: NodeJS.Timeout | undefined
  #heardAt = -Infinity
  #isRunning = false

  constructor({ send, random = Math.random, monotonic = () => performance.now() }: HeartbeatsParts) {
    this.#send = send
    this.#random = random
    this.#monotonic = monotonic
  }

  /** A message has arrived. */
  heard(): void {
    this.#heardAt = this.#monotonic()
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#wait(this.#nextPause())
  }

  stop(): void {
    this.#isRunning = false
    clearTimeout(this.#timer)
  }

  #nextPause(): number {
    return silenceMs + this.#random() * spreadMs
  }

  /** A message that arrives moves no timer: there may be many. Instead, the timer waits for what is left. */
  #wait(pauseMs: number, leftMs = pauseMs): void {
    this.#timer = setTimeout(() => {
      const left = this.#heardAt + pauseMs - this.#monotonic()
      if (left > 0) this.#wait(pauseMs, left)
      else void this.#sendOne()
    }, leftMs).unref()
  }

  /** If it fails, nodes hear nothing and poll: the next attempt follows all the same. */
  async #sendOne(): Promise<void> {
    await this.#send().catch(() => {})
    if (this.#isRunning) this.#wait(this.#nextPause())
  }
}
