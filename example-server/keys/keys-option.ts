import type { KeyOption } from 'fastify-authenticate'
import type { Config } from '../config/config.ts'
import { keysIn } from './key-file.ts'

/** The plugin's option `keys`; nothing if tokens are signed with the secret. */
export function keysOption({ keys, keysDir }: Pick<Config, 'keys' | 'keysDir'>): {
  keys?: readonly KeyOption[] | (() => Promise<KeyOption[]>)
} {
  if (keys !== null) return { keys }
  return keysDir === null ? {} : { keys: keysIn(keysDir) }
}
