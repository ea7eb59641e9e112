import { createHash } from 'node:crypto'

/** A Lua script, and the digest by which Redis finds it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

export function script(...parts: string[]): Script {
  const text = parts.join('\n')
  return Object.freeze({ text, sha1: createHash('sha1').update(text).digest('hex') })
}
