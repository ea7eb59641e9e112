export interface Note {
  readonly id: string
  readonly text: string
  readonly createdAt: Date
}

/** Notes of one user; concurrent requests may exceed it by a few. */
export const maxNotes = 1000
/** Characters of all notes of one user: one response lists them all, and without this bound could have ten million. */
export const maxNotesLength = 1_000_000

/**
 * The table of the notes, in either database. Every query names the owner, so that nobody reaches another user's notes.
 */
export interface Notes {
  /** Oldest first. */
  list(userId: string): Promise<Note[]>
  /** Resolves to `null` if the user has too many notes or was deleted. */
  add(userId: string, text: string): Promise<Note | null>
  /** Resolves to false if the user has no such note. */
  remove(userId: string, id: string): Promise<boolean>
}
