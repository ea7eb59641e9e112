// The blocks of docs/mcp.md that import an MCP SDK. They are written to files, which `tsc -p test/rigs` compiles.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const page = readFileSync(new URL('../../../docs/mcp.md', import.meta.url), 'utf8')
export const blocks = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)]
  .map(([, code]) => code!)
  .filter((code) => code.includes("'@modelcontextprotocol/"))

/** Beside this file, so that the imports of the page can be resolved. */
const folder = fileURLToPath(new URL('.cache/', import.meta.url))

/** @returns the path of the file */
export function writeLocally(name: string, code: string): string {
  const local = code
    .replaceAll("'fastify-authenticate'", "'../../../../plugin/index.ts'")
    .replaceAll("'fastify-authenticate/mcp'", "'../../../../plugin/mcp.ts'")
  mkdirSync(folder, { recursive: true })
  writeFileSync(folder + name, local)
  return folder + name
}

/** Replaces the files of an earlier run. */
export function writeBlocks(): void {
  rmSync(folder, { recursive: true, force: true })
  const globals = "import type { FastifyInstance } from 'fastify'\ndeclare global { const app: FastifyInstance }\n"
  writeLocally('globals.d.ts', globals)
  blocks.forEach((code, index) => writeLocally(`block-${index}.ts`, `${code}\nexport {}\n`))
}
