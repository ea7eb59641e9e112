import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { linkSeconds } from '../mail/messages.ts'
import { networkOf } from './client-network.ts'
import { createLimit, digest, tooManyAttempts } from './limit.ts'

/** As long as a link to choose a new password is valid. */
const timeWindow = 30 * 60_000
const maxMails = { ofAddress: 30, ofSite: 100, ofUser: 10, toMailbox: 5 }

export interface Mailing {
  /** Counted one by one: mails without a link must not use up those that have one. */
  readonly purpose: keyof typeof linkSeconds
  /** The mail address that was given, whether or not it has an account. */
  readonly to: string
}

export type MailLimit = ReturnType<typeof createMailLimit>

/**
 * Bounds how many mails a network or a user can cause, and how many of each purpose one mailbox receives. What is
 * counted does not depend on which accounts exist. Resolves to false if the mailbox has received enough: the response
 * must then be the same, because a refusal would let strangers refuse the owner. The owner has the links of the
 * earlier mails, one of which is still valid.
 * @throws AppError TOO_MANY_ATTEMPTS
 */
export function createMailLimit(app: FastifyInstance) {
  const mailings = new WeakMap<FastifyRequest, Mailing>()
  const limit = (max: number, keyGenerator: (request: FastifyRequest) => string) =>
    createLimit(app, { max, timeWindow, keyGenerator })
  const refusing = [
    limit(maxMails.ofAddress, (request) => `mails of address ${networkOf(request).address}`),
    limit(maxMails.ofSite, (request) => `mails of site ${networkOf(request).site}`)
  ]
  const ofUser = limit(maxMails.ofUser, ({ user }) => `mails of user ${user.sub}`)
  const toMailbox = limit(maxMails.toMailbox, (request) => {
    const { purpose, to } = mailings.get(request)!
    return `mails of ${purpose} to ${digest(to)}`
  })

  return async function mayMail(request: FastifyRequest, mailing: Mailing): Promise<boolean> {
    mailings.set(request, mailing)
    for (const limit of request.auth === null ? refusing : [...refusing, ofUser]) {
      const state = await limit(request)
      if (!state.isAllowed && state.isExceeded) throw tooManyAttempts(state)
    }
    const state = await toMailbox(request)
    return state.isAllowed || !state.isExceeded
  }
}
