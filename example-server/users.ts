/** What every user may do; kept with each user, and asked for at every refresh. */
export const defaultScope = 'notes:read notes:write'

export const roles = ['admin'] as const
export type Role = (typeof roles)[number]

export interface User {
  readonly id: string
  /** As it was registered; upper and lower case are the same name. */
  readonly name: string
  readonly passwordHash: string
  readonly roles: string[]
  readonly scope: string
  readonly createdAt: Date
}

export interface NewUser {
  readonly name: string
  readonly passwordHash: string
  readonly roles?: readonly Role[]
  /** One of the demo users, who do not exist in production. */
  readonly demo?: boolean
}

export const mostListed = 1000

export interface UsersOptions {
  /** Whether the demo users exist; in production they must not, even over a database that was used before. */
  readonly withDemo: boolean
}

/** The users, whatever database they are in. */
export interface Users {
  byName(name: string): Promise<User | null>
  byId(id: string): Promise<User | null>
  /** The first thousand by name. */
  list(): Promise<User[]>
  /** Resolves to `null` where the name is taken. */
  add(user: NewUser): Promise<User | null>
  /** Compare and set: false where the password is not the one that was read, for somebody else has changed it. */
  replacePasswordHash(id: string, change: { from: string; to: string }): Promise<boolean>
}
