import type { ApiRequest, Client, CreateClient } from './client.ts'
import type { RunOptions, Tally } from './tally.ts'

declare global {
  /** Decides who signs in again after a sign-out, as a user would: once for all tabs. */
  function signedOut(epoch: number): Promise<{ mustSignIn: boolean; epoch: number }>
  function signedInAgain(): Promise<void>
  var tab: { signIn: () => Promise<void>; run: (options: RunOptions) => Promise<Tally> }
}

/** Makes the page a tab that sends requests all the time, whether or not the one before has a response. */
export function createTab(createClient: CreateClient): void {
  let epoch = 0
  let pause: Promise<void> | null = null
  const client = createClient(() => {
    pause ??= becomeSignedIn().finally(() => {
      pause = null
    })
  })

  async function becomeSignedIn(): Promise<void> {
    const next = await signedOut(epoch)
    epoch = next.epoch
    if (!next.mustSignIn) return
    await client.signIn()
    await signedInAgain()
  }

  async function run({ seconds, everyMs, timeoutMs }: RunOptions): Promise<Tally> {
    const tally: Tally = { statuses: {}, errors: {}, confirmed: [], failed: [] }
    const pending: Promise<void>[] = []
    const end = performance.now() + seconds * 1000
    for (let n = 0; performance.now() < end; n++) {
      await pause
      pending.push(send(client, { n, timeoutMs, tally }))
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
    await Promise.all(pending)
    return tally
  }

  globalThis.tab = { signIn: client.signIn, run }
}

interface Sending {
  readonly n: number
  readonly timeoutMs: number
  readonly tally: Tally
}

async function send(client: Client, { n, timeoutMs, tally }: Sending): Promise<void> {
  const number = `${new URLSearchParams(location.search).get('tab')}-${n}`
  const path = `/notes?number=${number}`
  const signal = AbortSignal.timeout(timeoutMs)
  const isWrite = n % 2 === 1
  try {
    const status = isWrite
      ? await client.request({ method: 'POST', path, body: { number }, signal })
      : await client.request({ method: 'GET', path, signal })
    count(tally.statuses, status)
    if (isWrite && status === 200) tally.confirmed.push(number)
  } catch (error) {
    const { name, response } = error as Error & { response?: { status: number } }
    // axios throws for a refusal.
    if (response?.status) count(tally.statuses, response.status)
    else {
      count(tally.errors, name)
      tally.failed.push(number)
    }
  }
}

function count(counts: Record<string, number>, what: string | number): void {
  counts[what] = (counts[what] ?? 0) + 1
}

/** What `fetch` takes for a request. */
export function initOf({ method, body, signal }: ApiRequest): RequestInit {
  return {
    method,
    signal,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  }
}

/** Signs in by `fetch`, for libraries that leave it to the application. */
export async function login(transport: 'cookie' | 'bearer'): Promise<Response> {
  return await fetch('/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ transport })
  })
}
