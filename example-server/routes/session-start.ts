import type { FastifyReply, FastifyRequest } from 'fastify'
import type { User } from '../database/users.ts'
import { scopeOf } from '../accounts/roles.ts'
import { audit } from '../operations/audit.ts'

/** In characters: longer names would be refused by `reply.signIn()`. */
const maxDeviceLength = 200

/** The claims of the user's access tokens. `remember` is there only if it is false, to keep tokens small. */
export function claimsOf({ name, roles }: User, remember: boolean) {
  return { name, roles, ...(remember ? {} : { remember: false as const }) }
}

export interface SessionStart {
  readonly user: User
  readonly request: Pick<FastifyRequest, 'headers'>
  /** Whether the session stays in the browser after it is closed; one that replaces another keeps its choice. */
  readonly remember?: boolean | undefined
}

/** The members that every call of `reply.signIn()` for this user has. */
export function sessionStart({ user, request, remember = true }: SessionStart) {
  return {
    sub: user.id,
    claims: claimsOf(user, remember),
    scope: scopeOf(user.roles),
    device: request.headers['user-agent']?.slice(0, maxDeviceLength)
  }
}

/**
 * What a sign-in by passkey has proved: it is phishing-resistant ("phr" of OpenID Connect EAP ACR Values §2), the user
 * has a key and has unlocked it (RFC 8176 §2).
 */
export const byPasskey = { acr: 'phr', amr: ['pop', 'mfa'] }

export interface SignIn {
  readonly user: User
  readonly transport: 'bearer' | 'cookie'
  readonly remember: boolean
  /** When the proof was checked, in milliseconds since the epoch: a session that was ended since then is refused. */
  readonly authenticatedAt: number
  /** What the user has proved, besides the password. */
  readonly proof?: typeof byPasskey
}

/** Starts a session by the transport that the client has chosen, and writes the sign-in to the audit log. */
export async function startSession(reply: FastifyReply, { user, transport, remember, authenticatedAt, proof }: SignIn) {
  const { request } = reply
  const start = { ...sessionStart({ user, request, remember }), ...proof, authenticatedAt }
  const signedIn =
    transport === 'bearer'
      ? await reply.signIn({ ...start, transport })
      : await reply.signIn({ ...start, transport, persistent: remember })
  audit(request, { action: 'sign-in', sub: user.id })
  return signedIn
}
