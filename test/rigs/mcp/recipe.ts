// The server of docs/mcp.md, in a process of its own: unchanged except for its URLs and what a test adds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Test } from 'tap'
import { freePort } from '../../fixtures/free-port.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { writeLocally } from './page-blocks.ts'

export interface Recipe {
  readonly origin: string
  /** The URL of the resource. */
  readonly url: string
}

/** @param more routes that are added before the server listens */
export async function startRecipe(t: Test, { login, more = '' }: { login: string; more?: string }): Promise<Recipe> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  let code = namedBlock('docs/mcp.md', 'mcp')
  const replacements: [string, string][] = [
    ['https://api.example.com/mcp', `${origin}/mcp`],
    ["issuer: 'https://api.example.com'", `issuer: '${origin}'`],
    ['https://login.example.com', login],
    ['RS256', 'ES256'],
    ['console.log(', `${more}\nconsole.log(`]
  ]
  for (const [text, replacement] of replacements) {
    if (!code.includes(text)) throw new Error(`docs/mcp.md does not contain ${text}`)
    code = code.replace(text, replacement)
  }
  const file = writeLocally(`server-${port}.ts`, code)
  const server = spawn(process.execPath, [...process.execArgv, file], {
    env: { ...process.env, PORT: String(port), AUTH_SECRET: '0123456789abcdef0123456789abcdef' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(async () => {
    rmSync(file)
    if (server.exitCode !== null) return
    const exited = once(server, 'exit')
    server.kill()
    await exited
  })
  await Promise.race([
    once(server.stdout, 'data'),
    once(server, 'exit').then(() => {
      throw new Error('no start')
    })
  ])
  return { origin, url: `${origin}/mcp` }
}
