/** The scope of a new user; stored with the user, and read again at every refresh. */
export const defaultScope = 'notes:read notes:write'

export const roles = ['admin'] as const
export type Role = (typeof roles)[number]

export interface User {
  readonly id: string
  /** Spelled as it was registered; compared without regard to case. */
  readonly name: string
  readonly passwordHash: string
  readonly roles: string[]
  readonly scope: string
  readonly createdAt: Date
  /** Since when the user cannot sign in; `null`: not disabled. */
  readonly disabledAt: Date | null
}

export interface NewUser {
  readonly name: string
  readonly passwordHash: string
  readonly roles?: readonly Role[]
  /** Marks a demo user, who does not exist in production. Default: false. */
  readonly demo?: boolean
}

/** How many users `list()` returns. */
export const maxListed = 1000

export interface UsersOptions {
  /** Whether the demo users exist. In production they must not, even if the database contains them. */
  readonly withDemo: boolean
}

/** The table of the users, in either database. */
export interface Users {
  /** Finds a user who is not disabled by name, without regard to case. */
  byName(name: string): Promise<User | null>
  /** Finds a user who is not disabled. */
  byId(id: string): Promise<User | null>
  /** Finds a user by name, disabled or not. */
  find(name: string): Promise<User | null>
  /** The first 1000 users by name, disabled or not. */
  list(): Promise<User[]>
  /** Resolves to `null` if the name is taken. */
  add(user: NewUser): Promise<User | null>
  /** Compare and set: resolves to false if the stored hash is not `from`, because another request has replaced it. */
  replacePasswordHash(id: string, change: { from: string; to: string }): Promise<boolean>
  setDisabled(id: string, isDisabled: boolean): Promise<void>
  setRoles(id: string, roles: readonly Role[]): Promise<void>
  /** Deletes the user, the notes and the known addresses. */
  remove(id: string): Promise<void>
}
