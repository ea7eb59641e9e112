import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Creates a folder that only its owner can use, and the folders above it. Node's own `recursive` option never returns
 * where a folder exists and nothing can be created in it, such as `/proc`.
 * @throws Error that names the folder
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return
  try {
    const parent = dirname(path)
    if (parent !== path) makeFolder(parent)
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another process may have created it in the meantime.
    if (isFolder(path)) return
    throw error
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
