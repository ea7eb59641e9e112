// Runs code as a page prints it. Files are written below this folder, from which their imports are found.
import { randomUUID } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { namedBlock } from '../fixtures/named-block.ts'
import { snippetsOf } from '../fixtures/snippets.ts'

const folderOf = (page: string) => join(import.meta.dirname, '.cache', page.replace(/\.md$/, ''))

/** Returns the path. */
function write(path: string, code: string): string {
  mkdirSync(dirname(path), { recursive: true })
  // In one step: another process may import the same file at this moment.
  writeFileSync(`${path}.${process.pid}`, code)
  renameSync(`${path}.${process.pid}`, path)
  return path
}

async function importFile<Module>(path: string): Promise<Module> {
  return (await import(pathToFileURL(path).href)) as Module
}

/** Writes a block of a page into a file; returns the file. */
export function writeBlock(page: string, name: string): string {
  const file = `${name.replace(/^file |\.ts$/g, '').replaceAll(' ', '-')}.ts`
  return write(join(folderOf(page), file), namedBlock(page, name))
}

/** Imports a block as it is printed. */
export async function importBlock<Module>(page: string, name: string): Promise<Module> {
  return await importFile(writeBlock(page, name))
}

/** Imports code that contains a block, beside the other blocks of its page. */
export async function importCode<Module>(page: string, code: string): Promise<Module> {
  return await importFile(write(join(folderOf(page), 'code.ts'), code))
}

/**
 * Writes the files that a page prints, and imports some of them: `file app.ts` becomes the member `app`.
 * @param page a path from the root
 */
export async function importFiles<Modules>(page: string, names: readonly string[]): Promise<Modules> {
  const folder = folderOf(page)
  for (const { name, code } of snippetsOf(page)) {
    if (name?.startsWith('file ')) write(join(folder, name.slice('file '.length)), code)
  }
  const files = names.map((name) => name.slice('file '.length))
  const modules = files.map(async (file) => [file.replace(/\.ts$/, ''), await importFile(join(folder, file))])
  return Object.fromEntries(await Promise.all(modules)) as Modules
}

/** Imports a block of a page, as it is printed. Each import is a module of its own, with state of its own. */
export async function importRecipe<Module>(t: Test, { page, file }: { page: string; file: string }): Promise<Module> {
  const folder = join(folderOf(page), randomUUID())
  t.teardown(() => rmSync(folder, { recursive: true }))
  return await importFile(write(join(folder, 'recipe.ts'), namedBlock(page, file)))
}
