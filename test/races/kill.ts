import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { launchServer } from '../fixtures/example-server.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { createRandom } from './random.ts'

const password = 'correct horse battery staple'
const clients = 6
const longestLifeMs = 400

interface Tokens { readonly access: string, readonly refresh: string }

/** What a client holds: all tokens it was given, the last of which is the one it would use. */
interface Client {
  readonly tokens: Tokens[]
  /** `asked`: nobody knows whether it was carried out. */
  signOut: 'no' | 'asked' | 'done'
}

/** Where the example server keeps its sessions. */
const stores = {
  sqlite: async () => ({ env: {}, stop: async () => {} }),
  postgres: async () => {
    const { connection: { host, user, database }, stop } = await startPostgres()
    return { env: { DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}` }, stop }
  }
}

/**
 * Kills the example server at random moments while its clients refresh and sign out, and says what was wrong after each
 * restart. Its access tokens live so briefly that every refresh is a rotation.
 */
export async function killAgainAndAgain (store: keyof typeof stores, { kills, seed = 1 }: { kills: number, seed?: number | undefined }) {
  const random = createRandom(seed)
  const folder = mkdtempSync(join(tmpdir(), 'killed-'))
  const database = await stores[store]()
  const env = { ...database.env, DATA_DIR: folder, DEMO_PASSWORD: password, ACCESS_TOKEN_SECONDS: '1', LOG_LEVEL: 'silent' }
  const violations: string[] = []
  let refreshes = 0
  let server = await launchServer(env)
  try {
    for (let kill = 0; kill < kills; kill++) {
      const all = await Promise.all(Array.from({ length: clients }, async (): Promise<Client> => ({ tokens: [await signIn(server.url)], signOut: 'no' })))
      const life = random.between(0, longestLifeMs)
      const busy = all.map((client, index) => use(client, server.url, index % 3 === 0 ? random.between(0, life * 1.2) : Infinity))
      await setTimeout(life)
      await server.kill()
      await Promise.all(busy)
      server = await launchServer(env)
      for (const client of all) {
        refreshes += client.tokens.length - 1
        violations.push(...await judge(client, server.url))
      }
    }
  } finally {
    await server.kill()
    await database.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { store, kills, refreshes, violations }
}

async function post (url: string, body: object) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const text = await response.text()
  const { access_token: access, refresh_token: refresh } = text === '' ? {} as never : JSON.parse(text)
  return { status: response.status, tokens: { access, refresh } as Tokens }
}

const signIn = async (address: string) => (await post(`${address}/auth/login`, { username: 'alice', password })).tokens

/** Refreshes without end, or until it signs out; ends when the server does. */
async function use (client: Client, address: string, signOutAfterMs: number): Promise<void> {
  const until = performance.now() + signOutAfterMs
  try {
    while (performance.now() < until) {
      const { status, tokens } = await post(`${address}/auth/refresh`, { refresh_token: client.tokens.at(-1)!.refresh })
      if (status !== 200) throw new Error(`a refresh was answered with ${status}`)
      client.tokens.push(tokens)
    }
    client.signOut = 'asked'
    const { status } = await post(`${address}/auth/logout`, { refresh_token: client.tokens.at(-1)!.refresh })
    if (status === 204) client.signOut = 'done'
  } catch (error) {
    // That is how `fetch` tells that the server is gone.
    if (!(error instanceof TypeError)) throw error
  }
}

async function judge ({ tokens, signOut }: Client, address: string): Promise<string[]> {
  const latest = tokens.at(-1)!
  const refresh = async (token: string) => await post(`${address}/auth/refresh`, { refresh_token: token })
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
