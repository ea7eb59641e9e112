import { show as showSimple } from '../options/show.ts'

interface WrongOption {
  /** Its name. */
  readonly factory: string
  readonly option: string
  readonly expected: string
  /** What was passed, in words; never a text that may contain a password. */
  readonly received: string
}

/** The error of every store's factory for a client or an option that it cannot work with. */
export function factoryOptionError({ factory, option, expected, received }: WrongOption): TypeError {
  return new TypeError(`Cannot create a ${factory}: "${option}" must be ${expected}: received ${received}`)
}

/** @throws TypeError that names a member of `options` that is not one of `known` */
export function checkOptionNames(
  options: object,
  { factory, known }: { factory: string; known: readonly string[] }
): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new TypeError(`Cannot create a ${factory}: "${unknown}" is not an option: expected ${known.join(' or ')}`)
}

/**
 * The option `clock`. Default: `Date.now`.
 * @throws TypeError for anything that is not a function
 */
export function checkClock(clock: unknown, { factory }: { factory: string }): () => number {
  if (clock === undefined) return Date.now
  if (typeof clock === 'function') return clock as () => number
  const expected = 'a function that returns milliseconds since the epoch'
  throw factoryOptionError({ factory, option: 'clock', expected, received: show(clock) })
}

/** The value of an option. */
export function show(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? showSimple(value) : kindOf(value)
}

/** What was passed in place of a client: its kind only, because a connection string may contain a password. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const { name } = value.constructor ?? Object
  return name === 'Object' ? 'a plain object' : `a ${name}`
}
