import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { namedBlock } from '../../fixtures/named-block.ts'

const folder = join(import.meta.dirname, '../.cache/recipes')

/** Writes a block of a page of docs/recipes/ into a file, from which its imports are found; returns the file. */
export function writeBlock(page: string, name: string): string {
  const file = join(folder, page, `${name.replaceAll(' ', '-')}.ts`)
  mkdirSync(join(folder, page), { recursive: true })
  writeFileSync(file, namedBlock(`docs/recipes/${page}.md`, name))
  return file
}

/** Imports a block as it is printed. */
export async function importBlock<Module>(page: string, name: string): Promise<Module> {
  return (await import(pathToFileURL(writeBlock(page, name)).href)) as Module
}
