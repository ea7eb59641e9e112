/** What every user may do: the scopes of an access token without a role. */
const scopesOfUsers = ['notes:read', 'notes:write']

/**
 * What each role adds, for services that do not know our roles. A change here reaches the users who have the role at
 * their next refresh.
 */
const scopesOfRoles = {
  admin: ['users:read', 'users:write']
}

export type Role = keyof typeof scopesOfRoles

export const roles = Object.keys(scopesOfRoles) as Role[]

/** The claim `scope` (RFC 9068 §2.2.3) of a user with these roles. A role that is not in the table adds nothing. */
export function scopeOf(roles: readonly string[]): string {
  const added = roles.filter(isRole).flatMap((role) => scopesOfRoles[role])
  return [...new Set([...scopesOfUsers, ...added])].join(' ')
}

const isRole = (role: string): role is Role => Object.hasOwn(scopesOfRoles, role)
