/** A place in the revocation log: the entry that a reader read last. */
export interface RevocationCursor {
  /** 0 before the first entry. */
  readonly number: number
  /** Random for each entry: distinguishes it from an entry that got the same number after the store lost writes. */
  readonly nonce: string
}

/** Where reading begins, and the cursor of an empty log. */
export const beginning: RevocationCursor = Object.freeze({ number: 0, nonce: '' })

/** No entry has this number, so that reading does not resume from it. */
const nowhere: RevocationCursor = Object.freeze({ number: -1, nonce: '' })

/** `null` is the beginning. Text that no store wrote is a place that does not exist. */
export function parseCursor(text: string | null): RevocationCursor {
  if (text === null) return beginning
  const [, number, nonce = ''] = /^(\d{1,15})\.([\w-]*)$/.exec(text) ?? []
  if (number === undefined || (nonce === '') !== (Number(number) === 0)) return nowhere
  return { number: Number(number), nonce }
}

export function formatCursor({ number, nonce }: RevocationCursor): string {
  return `${number}.${nonce}`
}
