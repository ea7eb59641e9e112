export interface Note {
  readonly id: string
  readonly text: string
  readonly createdAt: Date
}

/** Of one user; those who write on several devices at once may get a few more. */
export const mostNotes = 1000
/** Characters in all, because one response lists them all: without this bound it could have ten million. */
export const mostNotesLength = 1_000_000

/** Each user's own notes, whatever database they are in: every question names the user, so that nobody reaches another one's. */
export interface Notes {
  /** Oldest first. */
  list(userId: string): Promise<Note[]>
  /** Resolves to `null` where the user has too many, or is gone. */
  add(userId: string, text: string): Promise<Note | null>
  /** False where the user has no such note. */
  remove(userId: string, id: string): Promise<boolean>
}
