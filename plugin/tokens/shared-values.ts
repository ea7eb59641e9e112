import { scopesOf } from './claims.ts'

/** Nearly all tokens of an application have one of a few values of `iss`, `aud` and `scope`. */
const maxShared = 100

/** Calls `make` once for each of the texts that are common, and returns the same value again. */
export function sharing<Value>(make: (text: string) => Value): (text: string) => Value {
  const shared = new Map<string, Value>()
  return function sharedValue(text) {
    const known = shared.get(text)
    if (known !== undefined) return known
    const value = make(text)
    if (shared.size >= maxShared) shared.clear()
    shared.set(text, value)
    return value
  }
}

/** The same text, of which all tokens in memory share one copy. */
export const sharedText = sharing((text) => text)

/** The scopes in a claim `scope`, as a frozen list. */
export const sharedScopes = sharing((scope): readonly string[] => Object.freeze([...scopesOf(scope)]))
