import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { keepFile } from '../files/atomic-file.ts'
import type { Config } from '../config/config.ts'

/**
 * The configured secrets, the newest first. Outside production they may be absent: a random one is then created and
 * kept in `dataDir`.
 */
export function readSecrets({ secrets, dataDir }: Pick<Config, 'secrets' | 'dataDir'>): readonly string[] {
  return secrets ?? [keepFile(join(dataDir, 'development-secret'), () => randomBytes(48).toString('base64url'))]
}
