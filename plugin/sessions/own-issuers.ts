/** The issuers of this application's sessions: its own, and '' for rows that were written before rows had an issuer. */
export function ownIssuers(issuers: readonly string[]): readonly string[] {
  return [...issuers, '']
}
