/** The algorithms that most tokens are signed with. */
export const algorithms = ['HS256', 'ES256', 'EdDSA', 'RS256'] as const
export type Algorithm = (typeof algorithms)[number]
