import { startCountdown } from './countdown.js'

/** How long an access token is valid. Each token has an object of its own, so that `===` compares tokens. */
export class Access {
  /** Fetched because the one before was refused although it had not expired. */
  isCheck = false

  /** Tabs do not refresh in the same moment: the first one informs the others. */
  earliness = 0.5 + Math.random() / 2

  /**
   * @param {number} [leftMs] `Infinity`: not known
   * @param {number} [lifetimeMs]
   */
  constructor(leftMs = Infinity, lifetimeMs = leftMs) {
    this.lifetimeMs = lifetimeMs
    this.left = startCountdown(leftMs)
  }
}

/** @param {unknown} seconds a value that makes no sense counts as not known */
export function msOf(seconds) {
  const ms = Number(seconds) * 1000
  return ms > 0 ? ms : Infinity
}
