import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { namedBlock } from '../../fixtures/named-block.ts'

const folder = join(import.meta.dirname, '../.cache/recipes')

/** Writes a block of a page into a file, from which its imports are found; returns the file. */
export function writeBlock(page: string, name: string): string {
  const file = `${name.replace(/^file |\.ts$/g, '').replaceAll(' ', '-')}.ts`
  return write(page, file, namedBlock(page, name))
}

function write(page: string, name: string, code: string): string {
  const place = join(folder, basename(page, '.md'))
  mkdirSync(place, { recursive: true })
  // In one step: another process may import the same file at this moment.
  writeFileSync(join(place, `${name}.${process.pid}`), code)
  renameSync(join(place, `${name}.${process.pid}`), join(place, name))
  return join(place, name)
}

/** Imports a block as it is printed. */
export async function importBlock<Module>(page: string, name: string): Promise<Module> {
  return (await import(pathToFileURL(writeBlock(page, name)).href)) as Module
}

/** Imports code that contains a block, beside the other blocks of its page. */
export async function importCode<Module>(page: string, code: string): Promise<Module> {
  return (await import(pathToFileURL(write(page, 'code.ts', code)).href)) as Module
}
