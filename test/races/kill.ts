import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startDatabase } from '../fixtures/race-database.ts'
import type { Place, StoreName } from '../fixtures/race-database.ts'
import { createRandom } from './random.ts'

const entry = fileURLToPath(new URL('../fixtures/fault-server.ts', import.meta.url))
const clients = 6
const longestLifeMs = 400

interface Tokens { readonly access: string, readonly refresh: string }

/** What a client holds: all tokens it was given, the last of which is the one it would use. */
interface Client {
  readonly tokens: Tokens[]
  /** `asked`: nobody knows whether it was carried out. */
  signOut: 'no' | 'asked' | 'done'
}

/** Kills a server at random moments while its clients refresh and sign out, and says what was wrong after each restart. */
export async function killAgainAndAgain (store: StoreName, { kills, seed = 1 }: { kills: number, seed?: number | undefined }) {
  const random = createRandom(seed)
  const database = await startDatabase(store)
  const violations: string[] = []
  let refreshes = 0
  let server = await startServer(database.place(0))
  try {
    for (let kill = 0; kill < kills; kill++) {
      const all = await Promise.all(Array.from({ length: clients }, async (): Promise<Client> => ({ tokens: [await signIn(server.address)], signOut: 'no' })))
      const life = random.between(0, longestLifeMs)
      const busy = all.map((client, index) => use(client, server.address, index % 3 === 0 ? random.between(0, life * 1.2) : Infinity))
      await setTimeout(life)
      await server.kill()
      await Promise.all(busy)
      server = await startServer(database.place(0))
      for (const client of all) {
        refreshes += client.tokens.length - 1
        violations.push(...await judge(client, server.address))
      }
    }
  } finally {
    await server.kill()
    await database.stop()
  }
  return { store, kills, refreshes, violations }
}

async function startServer (place: Place) {
  const child = spawn(process.execPath, [...process.execArgv, entry, JSON.stringify(place)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [address] = await Promise.race([once(child.stdout, 'data'), exited])
  if (!String(address).startsWith('http')) throw new Error(`the server ended with ${address}`)
  return {
    address: String(address),
    async kill () {
      child.kill('SIGKILL')
      await exited
    }
  }
}

async function post (url: string, body: object) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const text = await response.text()
  const { access_token: access, refresh_token: refresh } = text === '' ? {} as never : JSON.parse(text)
  return { status: response.status, tokens: { access, refresh } as Tokens }
}

const signIn = async (address: string) => (await post(`${address}/login`, { sub: 'alice', transport: 'bearer' })).tokens

/** Refreshes without end, or until it signs out; ends when the server does. */
async function use (client: Client, address: string, signOutAfterMs: number): Promise<void> {
  const until = performance.now() + signOutAfterMs
  try {
    while (performance.now() < until) {
      const { status, tokens } = await post(`${address}/refresh`, { refresh_token: client.tokens.at(-1)!.refresh })
      if (status !== 200) throw new Error(`a refresh was answered with ${status}`)
      client.tokens.push(tokens)
    }
    client.signOut = 'asked'
    const { status } = await post(`${address}/logout`, { refresh_token: client.tokens.at(-1)!.refresh })
    if (status === 204) client.signOut = 'done'
  } catch (error) {
    // That is how `fetch` tells that the server is gone.
    if (!(error instanceof TypeError)) throw error
  }
}

async function judge ({ tokens, signOut }: Client, address: string): Promise<string[]> {
  const latest = tokens.at(-1)!
  const refresh = async (token: string) => await post(`${address}/refresh`, { refresh_token: token })
  const wrong: string[] = []
  const first = await refresh(latest.refresh)
  if (signOut === 'no' && first.status !== 200) wrong.push(`the only token of a session got ${first.status}`)
  if (first.status === 200) {
    if (signOut === 'done') wrong.push('a session that was ended is alive')
    const same = await refresh(latest.refresh)
    if (same.status !== 200 || same.tokens.refresh !== first.tokens.refresh) wrong.push('one token has two successors')
    const before = tokens.at(-3)
    if (before !== undefined && (await refresh(before.refresh)).status !== 401) wrong.push('a token that was rotated works')
  }
  if (signOut === 'done') {
    for (const { access } of tokens) {
      const { status } = await fetch(`${address}/me`, { headers: { authorization: `Bearer ${access}` } })
      if (status !== 401) wrong.push(`an access token of an ended session got ${status}`)
    }
  }
  return wrong
}
