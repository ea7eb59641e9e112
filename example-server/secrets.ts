import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from './config.ts'

/** In production the secret that was configured, otherwise one that was made once and is kept in `dataDir`. */
export function readSecret({ production, secret, dataDir }: Pick<Config, 'production' | 'secret' | 'dataDir'>): string {
  if (production) return secret!
  return secret ?? keep(join(dataDir, 'development-secret'), () => randomBytes(48).toString('base64url'))
}

/**
 * The content of a file, made if there is none. Of several processes that start at once, one makes it and all read
 * the same: it is written elsewhere and appears whole, by a link, which fails where the name is taken.
 */
export function keep(path: string, make: () => string): string {
  const found = read(path)
  if (found !== null) return found
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const whole = writeBeside(path, make())
  try {
    linkSync(whole, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(whole)
  }
  return readFileSync(path, 'utf8')
}

/** Replaces the content of a file in one step. */
export function replace(path: string, content: string): void {
  renameSync(writeBeside(path, content), path)
}

function writeBeside(path: string, content: string): string {
  const beside = `${path}.${randomBytes(6).toString('hex')}`
  writeFileSync(beside, content, { mode: 0o600, flag: 'wx', flush: true })
  return beside
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return null
  }
}
