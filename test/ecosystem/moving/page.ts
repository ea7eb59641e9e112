import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { snippetsOf } from '../../fixtures/snippets.ts'

/**
 * Writes the files that a page prints, and imports some of them: `file app.ts` becomes the member `app`.
 * @param page a path from the root
 */
export async function importFiles<Modules>(page: string, names: readonly string[]): Promise<Modules> {
  const folder = join(import.meta.dirname, '../.cache', page.replace(/\.md$/, ''))
  mkdirSync(folder, { recursive: true })
  for (const { name, code } of snippetsOf(page)) {
    if (name?.startsWith('file ')) write(join(folder, name.slice('file '.length)), code)
  }
  const files = names.map((name) => name.slice('file '.length))
  const modules = files.map(async (file) => [
    file.replace(/\.ts$/, ''),
    await import(pathToFileURL(join(folder, file)).href)
  ])
  return Object.fromEntries(await Promise.all(modules)) as Modules
}

/** In one step: another process may import the same file at this moment. */
function write(path: string, code: string): void {
  writeFileSync(`${path}.${process.pid}`, code)
  renameSync(`${path}.${process.pid}`, path)
}
