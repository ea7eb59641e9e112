import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { keepFile } from '../atomic-file.ts'
import type { Config } from '../config/config.ts'

/** The configured secret. Outside production it may be absent: a random one is then created and kept in `dataDir`. */
export function readSecret({ production, secret, dataDir }: Pick<Config, 'production' | 'secret' | 'dataDir'>): string {
  if (production) return secret!
  return secret ?? keepFile(join(dataDir, 'development-secret'), () => randomBytes(48).toString('base64url'))
}
