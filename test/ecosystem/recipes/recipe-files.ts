import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { namedBlock } from '../../fixtures/named-block.ts'

process.env.AUTH_SECRET ??= '0123456789abcdef0123456789abcdef'
let imports = 0

/** Imports a block of a page, as it is printed. Each import is a module of its own, with state of its own. */
export async function importRecipe<Module>(t: Test, { page, file }: { page: string; file: string }): Promise<Module> {
  const name = `${basename(page, '.md')}-${process.pid}-${imports++}`
  const folder = join(import.meta.dirname, '../.cache/recipes', name)
  mkdirSync(folder, { recursive: true })
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'recipe.ts')
  writeFileSync(path, namedBlock(page, file))
  return (await import(pathToFileURL(path).href)) as Module
}

/** Listens on a loopback port until the test ends. Resolves to the origin. */
export async function serve(t: Test, app: FastifyInstance, { port = 0 } = {}): Promise<string> {
  t.teardown(() => app.close())
  return await app.listen({ port, host: '127.0.0.1' })
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
