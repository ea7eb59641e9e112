/** A received value as a message shows it: a URL without its username and password. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.replace(/\/\/.*@/s, '//…@'))
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : kindOf(value)
}

/** What kind of value was received, without showing it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value !== 'object') return `a ${typeof value}`
  const name = builtinName(value)
  return name === null ? 'an object' : `a ${name}`
}

/** The name of a built-in object whose content is not in its members. `null` for any other object. */
export function builtinName(value: object): string | null {
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  return ['Map', 'Set', 'WeakMap', 'WeakSet', 'Date', 'Promise', 'RegExp'].includes(tag) ? tag : null
}
