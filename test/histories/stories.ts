import { monotonicMs } from './history.ts'
import type { Client, Held } from './client.ts'

/** What a client does, with its own subjects. Pauses are in milliseconds; a token can be rotated after 1000. */
export const stories = {
  /** One honest device, which must stay signed in until it signs out. */
  async honest(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    for (let left = client.random.below(6) + 2; left > 0 && !client.signal.aborted && !session.isOver; left--) {
      await client.wait(200, 1500)
      await client.refreshPatiently(session)
      await client.use(session)
    }
    if (client.random.below(2) === 0) return
    await client.ask({ do: 'sign-out', token: session.refresh.at(-1)! })
    await client.tryAll(session)
    await client.wait(0, 2000)
    await client.tryAll(session)
  },

  /** Signs in and out while the first token is too young to be exchanged. */
  async brief(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    await client.wait(0, 300)
    await client.ask({ do: 'sign-out', token: session.refresh[0]! })
    await client.tryAll(session)
    await client.wait(0, 1500)
    await client.tryAll(session)
  },

  /** Several tabs refresh at the same time with the token that they share; one of them is slow. */
  async tabs(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    for (let left = client.random.below(4) + 1; left > 0 && !client.signal.aborted && !session.isOver; left--) {
      await client.wait(900, 1400)
      const token = session.refresh.at(-1)!
      await inParallel(client.random.below(8) === 0 ? 20 : 2 + client.random.below(4), async () => {
        await client.wait(0, 20)
        await client.refresh(session, { token })
      })
      if (client.random.below(3) === 0) await client.refresh(session, { token: session.refresh.at(-2) })
      await client.use(session)
    }
  },

  /** The response is lost, or a second device has a copy: the token before the current one is presented late. */
  async 'late retries'(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    await client.wait(1050, 1200)
    await client.refreshPatiently(session)
    for (let left = client.random.below(7); left > 0 && !client.signal.aborted; left--) {
      await client.wait(600, 1400)
      await client.refresh(session, { token: session.refresh.at(-2) })
    }
    await client.tryAll(session)
  },

  /** A thief presents an old token: the session ends for both. */
  async thief(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    const stolen = session.refresh[0]!
    for (let left = client.random.below(3) + 1; left > 0; left--) {
      await client.wait(1000, 1300)
      await client.refreshPatiently(session)
    }
    await client.wait(0, 1500)
    const refused = await client.refresh(session, { token: stolen })
    if (refused?.code === 'AUTH_REFRESH_REUSED') await client.tryAll(session)
    else await client.refreshPatiently(session)
  },

  /** A sign-out and refreshes at the same time, with any token of the session. */
  async 'sign-out in a race'(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    await client.wait(900, 1200)
    await client.refresh(session)
    await client.wait(0, 1200)
    const { random } = client
    const tokens = random.below(3) === 0 ? session.access : session.refresh
    const token = tokens[random.below(tokens.length)]!
    await Promise.all([
      inParallel(4, async () => {
        await client.wait(0, 20)
        await client.refresh(session)
      }),
      client.wait(0, 20).then(() => client.ask({ do: 'sign-out', token }))
    ])
    await client.tryAll(session)
    await client.wait(500, 1500)
    await client.tryAll(session)
  },

  /** Several devices of one subject: one or all are signed out while others sign in. */
  async 'several devices'(client: Client) {
    const sub = client.newSubject()
    const signedIn = await inParallel(2 + client.random.below(3), () => client.signIn(sub))
    const sessions = signedIn.filter((session) => session !== null)
    const [first, second] = sessions
    if (first === undefined || second === undefined) return
    await client.wait(0, 1300)
    await Promise.all(sessions.map((session) => client.refresh(session)))
    await client.ask({ do: 'list', sub })
    const ended = await endSome(client, { sub, first, second, sessions })
    await client.ask({ do: 'list', sub })
    await Promise.all(ended.map((session) => client.tryAll(session)))
    const spared = sessions.filter((session) => !ended.includes(session))
    await Promise.all(spared.map((session) => client.refreshPatiently(session)))
    await client.wait(300, 1500)
    await Promise.all(ended.map((session) => client.tryAll(session)))
    await Promise.all(spared.map((session) => client.use(session)))
  },

  /** Refreshes at the moment of expiry, while expired sessions are removed. For sessions that live for seconds. */
  async expiring(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    await client.wait(client.idleMs - 25, client.idleMs + 5)
    await Promise.all([
      inParallel(4, async () => {
        await client.wait(0, 12)
        await client.refresh(session)
      }),
      inParallel(2, async () => {
        await client.wait(0, 12)
        await client.ask({ do: 'sweep' })
      })
    ])
    await client.refresh(session)
    await client.ask({ do: 'list', sub: session.sub })
  },

  /** Foreign or forged tokens end nothing; revoking one access token leaves its session alive. */
  async odd(client: Client) {
    const session = await client.signIn(client.newSubject())
    if (session === null) return
    const forged = session.refresh[0]!.replace(/[^.]{3}(?=[^.]*$)/, 'AAA')
    await client.ask({ do: 'refresh', token: forged, by: 'body' })
    await client.ask({ do: 'sign-out', token: forged })
    await client.ask({ do: 'revoke', sessionId: session.id, sub: 'somebody else' })
    await client.ask({ do: 'sweep' })
    await client.wait(800, 1300)
    await client.refreshPatiently(session)
    await client.ask({ do: 'revoke-token', access: session.access[0]! })
    for (let left = 3; left > 0; left--) {
      await Promise.all(client.nodes.map((node) => client.ask({ do: 'use', access: session.access[0]! }, node)))
      await client.wait(100, 800)
    }
    await client.refreshPatiently(session)
  }
} as const satisfies Record<string, (client: Client) => Promise<void>>

export type Story = keyof typeof stories

/** Resolves to the sessions that have ended if the call took effect. */
async function endSome(
  client: Client,
  {
    sub,
    first,
    second,
    sessions
  }: {
    sub: string
    first: Held
    second: Held
    sessions: readonly Held[]
  }
): Promise<readonly Held[]> {
  const others = sessions.filter((session) => session !== first)
  switch (client.random.below(6)) {
    case 0:
      await client.ask({ do: 'revoke', sessionId: first.id, sub })
      return [first]
    case 1:
      await client.ask({ do: 'revoke-all', sub, except: first.id })
      return others
    case 2: {
      await client.signIn(sub, { revokeOthers: true })
      return sessions
    }
    case 3:
      await client.signIn(sub, { transport: 'cookie', instead: second })
      return [second]
    case 4:
      await client.ask({ do: 'revoke-all', sub })
      return sessions
    default: {
      // The passwords are read before all sessions are ended, however late the sign-ins finish.
      const readAt = monotonicMs()
      await client.wait(20, 40)
      const [, ...started] = await Promise.all([
        client.ask({ do: 'revoke-all', sub }),
        ...Array.from({ length: 3 }, async () => {
          await client.wait(0, 20)
          return await client.signIn(sub, { readAt })
        })
      ])
      const late = await client.signIn(sub, { readAt })
      await inParallel(3, () => client.refresh(first))
      return [...sessions, ...started, late].filter((session) => session !== null)
    }
  }
}

function inParallel<T>(count: number, act: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, act))
}
