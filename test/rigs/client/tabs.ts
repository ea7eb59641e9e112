import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startProxy, type ProxyOptions } from './lossy-proxy.ts'
import type { RunOptions, Tally } from './page/tally.ts'
import { startServer } from './server.ts'

export interface Variant {
  /** A file in `page/clients/`. */
  readonly client: 'ours' | 'ours-bearer' | 'naive' | 'axios-auth-refresh' | 'axios-jwt' | 'supertokens-website'
  /** Whether the server treats every refresh token that is presented twice as stolen. */
  readonly isStrict?: boolean
  /** As over plain http, except on localhost. */
  readonly withoutLocks?: boolean
}

const folder = fileURLToPath(new URL('page', import.meta.url))

/** The script of a page that uses this client. */
async function bundle(client: Variant['client']): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { createTab } from './load.ts'
        import { createClient } from './clients/${client}.ts'
        createTab(createClient)`,
      resolveDir: folder
    },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    write: false
  })
  return outputFiles[0]!.text
}

export type TabsOptions = Variant & Omit<ProxyOptions, 'target'>

/** One browser with several tabs of one application, which it reaches through a lossy proxy. */
export async function openTabs(browser: Browser, { client, isStrict = false, withoutLocks, ...network }: TabsOptions) {
  const server = await startServer({
    script: await bundle(client),
    supertokens: client === 'supertokens-website',
    isStrict
  })
  const proxy = await startProxy({ target: server.port, ...network })
  const context = await browser.newContext({ ignoreHTTPSErrors: true })
  if (withoutLocks) await context.addInitScript('delete Navigator.prototype.locks')
  const signOuts = await watchSignOuts(context)
  const tabs: Page[] = []

  async function open(): Promise<Page> {
    const page = await context.newPage()
    await page.goto(`${proxy.origin}/?tab=${tabs.length}`)
    await page.waitForFunction('globalThis.tab !== undefined')
    tabs.push(page)
    return page
  }

  return {
    server,
    proxy,
    tabs,
    signOuts,
    /** Opens tabs. The first one signs in. */
    async open(count: number): Promise<void> {
      await (await open()).evaluate('tab.signIn()')
      while (tabs.length < count) await open()
    },
    /** Lets all tabs send requests at the same time. */
    async run(options: RunOptions): Promise<Tally[]> {
      return await Promise.all(tabs.map((page) => page.evaluate<Tally>(`tab.run(${JSON.stringify(options)})`)))
    },
    async close() {
      await context.close()
      proxy.close()
      await server.close()
    }
  }
}

/** After a sign-out, the tab that noticed it first signs in again; the others wait. */
async function watchSignOuts(context: BrowserContext) {
  let epoch = 0
  let signedIn = Promise.resolve()
  let release = () => {}
  await context.exposeFunction('signedOut', async (seen: number) => {
    if (seen === epoch) {
      signedIn = new Promise((resolve) => {
        release = resolve
      })
      return { mustSignIn: true, epoch: ++epoch }
    }
    await signedIn
    return { mustSignIn: false, epoch }
  })
  await context.exposeFunction('signedInAgain', () => release())
  return () => epoch
}
