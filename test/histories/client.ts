import type { Call, Outcome } from './history.ts'
import type { Node } from './nodes.ts'
import { pause } from './faults.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'

/** What a client keeps of a session: every token it has received, so that it can present old ones. */
export interface Held {
  readonly id: string
  readonly sub: string
  readonly transport: 'bearer' | 'cookie'
  readonly refresh: string[]
  readonly access: string[]
  /** The client does not use it any more. */
  isOver: boolean
}

export type Client = ReturnType<typeof createClient>

/** Sends requests to nodes, pauses as people do, and keeps the tokens it receives. */
export function createClient({
  name,
  idleMs,
  nodes,
  random,
  recorder,
  held,
  signal
}: {
  name: string
  /** A session expires after this time. */
  idleMs: number
  nodes: readonly Node[]
  random: Random
  recorder: Recorder
  /** The sessions of all clients, to be checked at the end. */
  held: Held[]
  signal: AbortSignal
}) {
  let subjects = 0

  /** A node that is up, if there is one. */
  function anyNode(): Node {
    const up = nodes.filter((node) => node.isUp())
    return (up.length > 0 ? up : nodes)[random.below(up.length || nodes.length)]!
  }

  const ask = (call: Call, node = anyNode()): Promise<Outcome | null> => recorder.operation(node, call)

  async function signIn(
    sub: string,
    options: {
      transport?: Held['transport']
      readAt?: number
      revokeOthers?: true
      /** The session that the browser's cookies name. */
      instead?: Held
    } = {}
  ): Promise<Held | null> {
    const { transport = random.below(2) === 0 ? 'bearer' : 'cookie', instead, ...rest } = options
    const cookies = instead && { access: instead.access.at(-1)!, refresh: instead.refresh.at(-1)! }
    const outcome = await ask({ do: 'sign-in', sub, transport, ...rest, ...(cookies && { cookies }) })
    if (outcome?.status !== 200) return null
    const { refresh, access } = outcome as { refresh: string; access: string }
    const session = { id: refresh.split('.')[1]!, sub, transport, refresh: [refresh], access: [access], isOver: false }
    held.push(session)
    return session
  }

  /** Presents a token, and keeps the returned one if it is newer. */
  async function refresh(
    session: Held,
    given: {
      token?: string | undefined
      node?: Node
    } = {}
  ): Promise<Outcome | null> {
    const { token = session.refresh.at(-1)!, node } = given
    const outcome = await ask({ do: 'refresh', token, by: session.transport === 'bearer' ? 'body' : 'cookie' }, node)
    if (outcome?.status === 200) {
      session.access.push(outcome.access!)
      if (generationOf(outcome.refresh!) > generationOf(session.refresh.at(-1)!)) session.refresh.push(outcome.refresh!)
    }
    return outcome
  }

  return {
    name,
    idleMs,
    random,
    nodes,
    signal,
    anyNode,
    ask,
    signIn,
    refresh,
    newSubject: () => `${name} ${++subjects}`,
    wait: (least: number, most: number) => pause(random.between(least, most), signal),

    /** As an honest client does: repeats the same token until there is a response. */
    async refreshPatiently(session: Held): Promise<void> {
      while (!signal.aborted) {
        const outcome = await refresh(session)
        if (outcome?.status === 401) session.isOver = true
        if (outcome !== null && outcome.status !== 503) return
        await pause(random.between(100, 600), signal)
      }
    },

    /** Presents one of the access tokens that the client has received. */
    async use(session: Held, node?: Node): Promise<void> {
      await ask({ do: 'use', access: session.access[random.below(session.access.length)]! }, node)
    },

    /** Presents every token of the session at every node: if it has ended, none may work. */
    async tryAll(session: Held): Promise<void> {
      session.isOver = true
      await Promise.all(
        nodes
          .filter((node) => node.isUp())
          .flatMap((node) => [
            ask({ do: 'use', access: session.access.at(-1)! }, node),
            ask({ do: 'use', access: session.access[0]! }, node),
            refresh(session, { node })
          ])
      )
    }
  }
}

const generationOf = (token: string) => Number(token.split('.')[2])
