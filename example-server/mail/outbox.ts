import type { FastifyBaseLogger } from 'fastify'
import { AppError } from '../errors.ts'
import type { Mailer, Message } from './mailer.ts'

/** How many mails may be unsent. A flood must not use up the memory while the SMTP server is down. */
const maxUnsent = 1000
const maxSending = 2
/** When a mail is tried again, in ms after each failure. Its links are valid for longer. */
const defaultRetryMs: readonly number[] = [5_000, 30_000, 120_000]
/** How long `close()` waits for the mails that are being sent. */
const closeMs = 2000

export interface OutboxOptions {
  readonly mailer: Mailer
  readonly log: Pick<FastifyBaseLogger, 'warn' | 'error'>
  /** For tests. Default: after 5, 30 and 120 s. */
  readonly retryMs?: readonly number[] | undefined
}

/** Writes a mail when it is sent; `null`: there is nothing to send. */
export type Draft = () => Promise<Message | null>

interface Unsent {
  readonly draft: Draft
  failures: number
}

export type Outbox = ReturnType<typeof createOutbox>

/**
 * Sends mails after the response, a few at a time. Whether there is a mail, and what it says, is found out here as
 * well: the time of a response then cannot reveal which addresses have an account.
 */
export function createOutbox({ mailer, log, retryMs = defaultRetryMs }: OutboxOptions) {
  const unsent = new Set<Unsent>()
  const ready: Unsent[] = []
  const sending = new Set<Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  let isClosed = false

  async function send(mail: Unsent): Promise<void> {
    try {
      const message = await mail.draft()
      if (message !== null) await mailer.send(message)
      unsent.delete(mail)
    } catch (error) {
      const delay = isPermanent(error) ? undefined : retryMs[mail.failures++]
      if (delay === undefined) {
        unsent.delete(mail)
        log.error(error, 'a mail was not sent')
        return
      }
      log.warn(error, `a mail was not sent: it is tried again in ${delay / 1000} s`)
      // It does not occupy a place while it waits: one address that is refused must not delay the mails of others.
      const timer = setTimeout(() => {
        timers.delete(timer)
        enqueue(mail)
      }, delay)
      timers.add(timer)
    }
  }

  function enqueue(mail: Unsent): void {
    if (isClosed) return
    ready.push(mail)
    next()
  }

  function next(): void {
    if (isClosed || sending.size >= maxSending) return
    const mail = ready.shift()
    if (mail === undefined) return
    const work = send(mail).finally(() => {
      sending.delete(work)
      next()
    })
    sending.add(work)
  }

  return {
    /** @throws AppError BUSY if too many mails are unsent */
    post(draft: Draft): void {
      if (isClosed || unsent.size >= maxUnsent) throw new AppError('BUSY')
      const mail = { draft, failures: 0 }
      unsent.add(mail)
      // Not in this turn: the response comes first.
      setImmediate(() => enqueue(mail))
    },

    /** How many mails wait or are being sent. */
    size: (): number => unsent.size,

    /** Gives the mails that are being sent a moment, and logs how many are lost. */
    async close(): Promise<void> {
      isClosed = true
      for (const timer of timers) clearTimeout(timer)
      const { promise: timeout, cancel } = after(closeMs)
      await Promise.race([Promise.all(sending), timeout])
      cancel()
      if (unsent.size > 0) log.error({ lost: unsent.size }, 'mails were lost, because the server stops')
      await mailer.close()
    }
  }
}

/** The SMTP server has refused the mail and would refuse it again (RFC 5321 §4.2.1), such as an unknown address. */
function isPermanent(error: unknown): boolean {
  const { responseCode = 0 } = error as { responseCode?: number }
  return responseCode >= 500
}

function after(ms: number) {
  let timer: NodeJS.Timeout | undefined
  const promise = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return { promise, cancel: () => clearTimeout(timer) }
}
