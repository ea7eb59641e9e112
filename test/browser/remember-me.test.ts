import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { SignIn } from '../../plugin/index.ts'
import { launchWithProfile, skipWithoutBrowser } from '../fixtures/browser.ts'
import { createApp } from '../fixtures/app.ts'

t.setTimeout(600_000)

interface Case {
  /** What the user does before the browser is closed. */
  readonly signIns: readonly Partial<SignIn>[]
  readonly rotations: number
  /** Whether the user is signed in after the browser was started again. */
  readonly isRemembered: boolean
}

const cases: Record<string, Case> = {
  'persistent: true': { signIns: [{ persistent: true }], rotations: 10, isRemembered: true },
  'no persistent': { signIns: [{}], rotations: 0, isRemembered: true },
  'persistent: false': { signIns: [{ persistent: false }], rotations: 0, isRemembered: false },
  'persistent: false, and ten rotations': { signIns: [{ persistent: false }], rotations: 10, isRemembered: false },
  'persistent: true, then false': {
    signIns: [{ persistent: true }, { persistent: false }],
    rotations: 0,
    isRemembered: false
  }
}

t.test(
  'signIn({ persistent: false }) ends with the browser, also after ten rotations; other sign-ins do not',
  skipWithoutBrowser,
  async (t) => {
    const profile = join(t.testdir(), 'profile')
    // Every refresh rotates.
    const { app } = await createApp({ plugin: { clock: Date.now, refreshToken: { retrySeconds: 0 } } })
    await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())
    const { port } = app.server.address() as AddressInfo
    // Each case has a host of its own, and so its own cookies.
    const hosts = Object.keys(cases).map((name, index) => ({ name, origin: `http://host-${index}.localhost:${port}` }))

    const first = await launchWithProfile(profile)
    const page = await first.newPage()
    for (const { name, origin } of hosts) {
      const { signIns, rotations } = cases[name]!
      await page.goto(`${origin}/me`)
      const post = (path: string, body: object) => page.evaluate(statusOf, { path, body })
      for (const input of signIns) t.equal(await post('/login', { sub: 'alice', transport: 'cookie', ...input }), 200)
      for (let count = 0; count < rotations; count++) t.equal(await post('/refresh', {}), 200)
      const refreshCookie = (await first.cookies(origin)).find(({ name }) => name === '__Host-refresh')
      t.equal(refreshCookie?.value.split('.')[2], String(rotations), `${name}: the generation`)
      t.equal((await page.goto(`${origin}/me`))?.status(), 200, `${name}: signed in`)
    }
    await first.close()

    const second = await launchWithProfile(profile)
    t.teardown(() => second.close())
    const tab = await second.newPage()
    for (const { name, origin } of hosts) {
      const { isRemembered } = cases[name]!
      const cookies = (await second.cookies(origin)).map(({ name }) => name).sort()
      t.strictSame(cookies, isRemembered ? ['__Host-access', '__Host-refresh'] : [], name)
      t.equal((await tab.goto(`${origin}/me`))?.status(), isRemembered ? 200 : 401, `${name}: after the restart`)
    }
  }
)

/** Runs in the page. */
async function statusOf({ path, body }: { path: string; body: object }): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
  return response.status
}
