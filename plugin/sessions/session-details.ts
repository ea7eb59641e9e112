import type { SessionRow } from '../stores/session-store.ts'

/** What is decided at sign-in and never changes. The store keeps it as JSON. */
export interface SessionDetails {
  /** Whether the browser keeps the session's cookies after it was closed. */
  readonly persistent: boolean
  /** When the user authenticated, in whole seconds since the epoch: the claim `auth_time`. `null`: unknown. */
  readonly authTime: number | null
  /** The claim `acr`. `null`: none. */
  readonly acr: string | null
  /** The claim `amr`. `null`: none. */
  readonly amr: readonly string[] | null
}

/** Rows that were written before a detail existed do not have it. */
const defaults: SessionDetails = Object.freeze({ persistent: true, authTime: null, acr: null, amr: null })

/** What a row keeps: only what differs from the defaults, because rows are many. */
export function packDetails(details: SessionDetails): SessionRow['details'] {
  const names = Object.keys(details) as (keyof SessionDetails)[]
  return Object.fromEntries(
    names.filter((name) => details[name] !== defaults[name]).map((name) => [name, details[name]])
  )
}

export function detailsOf({ details }: Pick<SessionRow, 'details'>): SessionDetails {
  const { persistent, authTime, acr, amr } = details as Partial<SessionDetails>
  return {
    persistent: persistent ?? defaults.persistent,
    authTime: authTime ?? defaults.authTime,
    acr: acr ?? defaults.acr,
    amr: amr ?? defaults.amr
  }
}
