import { AuthError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Auth } from './auth.ts'

/** Emits `token-refused` for a refusal. A request from another site has its own event, which is emitted already. */
export function emitRefusal(
  error: unknown,
  { emit, source = null }: { readonly emit: Emit; readonly source?: Auth['source'] | null }
): void {
  if (!(error instanceof AuthError) || error.code === 'AUTH_CROSS_SITE') return
  emit({ type: 'token-refused', code: error.code, detail: error.detail, source })
}
