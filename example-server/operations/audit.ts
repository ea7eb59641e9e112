import type { FastifyRequest } from 'fastify'

export type AuditedAction =
  | 'sign-in'
  | 'sign-in-failed'
  | 'sign-in-again'
  | 'sign-in-again-failed'
  | 'password-reset-requested'
  | 'password-reset'
  | 'email-change-requested'
  | 'email-verified'
  | 'passkey-added'
  | 'passkey-removed'
  | 'data-exported'
  | 'account-deleted'
  | 'password-changed'
  | 'password-change-failed'
  | 'sign-out'
  | 'sign-out-elsewhere'
  | 'sign-out-by-admin'

/**
 * Logs who did what from where. An investigation may need it months later.
 * @param details.sub whose account it is; `null` if there is no such account. Never the name that was typed: people
 * type passwords into the wrong field. Absent if only the session is known, which `session-revoked` names
 */
export function audit(
  request: Pick<FastifyRequest, 'log' | 'ip'>,
  { action, ...details }: { action: AuditedAction; sub?: string | null; by?: string; sessionId?: string | null }
): void {
  request.log.info({ audit: action, ...details, remoteAddress: request.ip }, `audit: ${action}`)
}
