import type { KeyHint } from './header.ts'

/** How many names of issuers or keys a detail lists. */
const maxListed = 8
/** How many characters of a text a detail shows. */
const maxShown = 100

interface KeyName {
  readonly alg?: unknown
  readonly kid?: unknown
}

/** Why a token's `iss` is refused, for logs: often, only a slash at the end differs. */
export function issuerMismatch(iss: unknown, expected: readonly string[]): string {
  const hint = expected.some((issuer) => isSameButSlash(issuer, iss)) ? ' (only the slash at the end differs)' : ''
  return `iss is not the expected issuer: expected ${list(expected, quote)}, received ${quote(iss)}${hint}`
}

/** Why no key verifies a token, for logs: often, nodes have different keys or secrets. */
export function keyMismatch({ alg, kid }: KeyHint, keys: readonly KeyName[]): string {
  return `no key matches alg and kid: expected ${list(keys, nameOf)}, received ${nameOf({ alg, kid })}`
}

function nameOf({ alg, kid }: KeyName): string {
  return `${alg === undefined ? 'any alg' : quote(alg)} ${kid === undefined ? 'without kid' : quote(kid)}`
}

function isSameButSlash(one: string, other: unknown): boolean {
  return typeof other === 'string' && one.replace(/\/$/, '') === other.replace(/\/$/, '')
}

function list<T>(values: readonly T[], show: (value: T) => string): string {
  if (values.length === 0) return 'none'
  const more = values.length > maxListed ? ` and ${values.length - maxListed} more` : ''
  return `${values.slice(0, maxListed).map(show).join(' or ')}${more}`
}

/** Anyone can put anything into a token: the text is bounded, and cannot control a terminal or a parser of logs. */
function quote(text: unknown): string {
  if (typeof text !== 'string') return text === undefined ? 'nothing' : `a value of type ${typeof text}`
  const shown = JSON.stringify(text.slice(0, maxShown)).replace(/[^\x20-\x7e]/g, escape)
  return text.length > maxShown ? `${shown} (shortened)` : shown
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
