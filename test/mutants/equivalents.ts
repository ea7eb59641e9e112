/* eslint no-template-curly-in-string: "off" -- these are lines of code */
import type { Mutation } from './mutations.ts'

/** A mistake without an observable effect. */
export interface Equivalent {
  readonly file: string
  readonly original: string
  readonly mutated: string
  readonly reason: string
}

export const equivalents: readonly Equivalent[] = [
  {
    file: 'plugin/tokens/issuer-lookup.ts',
    original: 'const maxUnknown = 1000',
    mutated: 'const maxUnknown = 2000',
    reason: 'At 600 calls a minute, fewer than 1000 issuers are remembered for their minute.'
  },
  {
    file: 'plugin/tokens/verified-tokens.ts',
    original: 'const tailLength = 12',
    mutated: 'const tailLength = 13',
    reason: 'The whole text is compared: which part of it is the key decides on the speed only.'
  },
  {
    file: 'plugin/tokens/access-tokens.ts',
    original: 'const found = trustedIssuers.isEmpty ? null : await trustedIssuerOf(token, issuers)',
    mutated: 'const found = false ? null : await trustedIssuerOf(token, issuers)',
    reason: 'A shortcut: without trusted issuers, none is found.'
  },
  {
    file: 'plugin/tokens/access-tokens.ts',
    original: 'if (!trustedIssuers.asks || issuers === null) return',
    mutated: 'if (!trustedIssuers.asks) return',
    reason: 'A shortcut, for cookies that were verified before: a caller without issuers accepts none of those claimed.'
  },
  {
    file: 'plugin/tokens/rsa.ts',
    original: 'smallPrimes ??= primesBelow(752).map(BigInt)',
    mutated: 'smallPrimes ??= primesBelow(753).map(BigInt)',
    reason: '752 is not a prime.'
  },
  {
    file: 'plugin/tokens/rsa.ts',
    original: 'smallPrimes ??= primesBelow(752).map(BigInt)',
    mutated: 'smallPrimes = primesBelow(752).map(BigInt)',
    reason: 'The same primes are computed for each key: only slower.'
  },
  {
    file: 'plugin/tokens/roca.ts',
    original: 'subgroups ??= primesBelow(702).map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))',
    mutated: 'subgroups ??= primesBelow(703).map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))',
    reason: '702 is not a prime.'
  },
  {
    file: 'plugin/tokens/roca.ts',
    original: 'subgroups ??= primesBelow(702).map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))',
    mutated: 'subgroups = primesBelow(702).map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }))',
    reason: 'The same tables are computed for each key: only slower.'
  },
  {
    file: 'plugin/http/response-state.ts',
    original: 'for (let index = 0; index < flat.length; index += 2) {',
    mutated: 'for (let index = 0; index <= flat.length; index += 2) {',
    reason: 'Past the end there is no value, and Node sends no line for a header without values.'
  },
  {
    file: 'plugin/tokens/secret.ts',
    original: 'if (option === undefined || option === null) {',
    mutated: 'if (option === null) {',
    reason: 'The options have been checked before: `undefined` is rejected there, with the same message.'
  },
  {
    file: 'plugin/sessions/revocation-list.ts',
    original: 'if (token.checkedAtVersion === this.#version) return false',
    mutated: 'if (false) return false',
    reason: 'A shortcut: without it, the list is looked up again, with the same result.'
  },
  {
    file: 'plugin/sessions/store-results.ts',
    original: "return typeof id === 'string' && typeof until === 'number' && until > (storeTime as number) / 10",
    mutated: "return typeof id === 'string' && typeof until === 'number' && until > (storeTime as number) / 11",
    reason: 'Seconds and milliseconds differ by a factor of 1000: 11 distinguishes them as well as 10.'
  },
  {
    file: 'plugin/sessions/skew-report.ts',
    original:
      "const text = `The store's clock is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} this node's`",
    mutated:
      "const text = `The store's clock is ${Math.abs(skewMs)} ms ${skewMs >= 0 ? 'ahead of' : 'behind'} this node's`",
    reason: '0 ms ahead is 0 ms behind.'
  },
  {
    file: 'plugin/sessions/revocation-follower.ts',
    original: '#reading = 0',
    mutated: '#reading = 1',
    reason: 'Numbers of readings are only compared with each other.'
  },
  {
    file: 'plugin/sessions/store-start.ts',
    original: "const direction = excessMs > 0 ? 'ahead of' : 'behind'",
    mutated: "const direction = excessMs >= 0 ? 'ahead of' : 'behind'",
    reason: 'For 0 the function has returned before.'
  },
  {
    file: 'plugin/sessions/store-start.ts',
    original: "const direction = excessMs > 0 ? 'ahead of' : 'behind'",
    mutated: "const direction = excessMs > 1 ? 'ahead of' : 'behind'",
    reason: 'It is 0 or a difference of over two hours: 1 ms is impossible.'
  },
  {
    file: 'plugin/stores/sharded/options.ts',
    original: 'const anInstant = /^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)$/',
    mutated: 'const anInstant = /\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)$/',
    reason: '`Date.parse()` returns NaN for a text before the time.'
  },
  {
    file: 'plugin/stores/sharded/options.ts',
    original: 'const anInstant = /^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)$/',
    mutated: 'const anInstant = /^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?(Z|[+-]\\d\\d:\\d\\d)/',
    reason: '`Date.parse()` returns NaN for a text after the time.'
  },
  {
    file: 'plugin/stores/sharded/session-insert.ts',
    original:
      'const probe = { ...session, id: newSessionId(shard.name), claims: {}, details: {}, idleMs: 0, absoluteMs: 0 }',
    mutated:
      'const probe = { ...session, id: newSessionId(shard.name), claims: {}, details: {}, idleMs: 1, absoluteMs: 0 }',
    reason: 'A session has expired when either time is over.'
  },
  {
    file: 'plugin/stores/sharded/session-insert.ts',
    original:
      'const probe = { ...session, id: newSessionId(shard.name), claims: {}, details: {}, idleMs: 0, absoluteMs: 0 }',
    mutated:
      'const probe = { ...session, id: newSessionId(shard.name), claims: {}, details: {}, idleMs: 0, absoluteMs: 1 }',
    reason: 'A session has expired when either time is over.'
  },
  {
    file: 'plugin/stores/sharded/shard-identity.ts',
    original:
      'await store.insert(session, { issuers: [issuer], revoke: [], maxSessions: Infinity, lifetimeSeconds: 0 })',
    mutated:
      'await store.insert(session, { issuers: [issuer], revoke: [], maxSessions: Infinity, lifetimeSeconds: 1 })',
    reason: 'The lifetime matters only to sessions that are revoked, and none is.'
  },
  {
    file: 'plugin/stores/sharded/shard-sets.ts',
    original: 'return ranked.reduce((best, other) => (Buffer.compare(other.rank, best.rank) > 0 ? other : best)).shard',
    mutated: 'return ranked.reduce((best, other) => (Buffer.compare(other.rank, best.rank) >= 0 ? other : best)).shard',
    reason: 'Digests of different names are never equal.'
  },
  {
    file: 'plugin/stores/sharded/session-insert.ts',
    original: 'const lists = await settledAll(others.map((other) => other.list(subject, { limit: 1 })))',
    mutated: 'const lists = await settledAll(others.map((other) => other.list(subject, { limit: 2 })))',
    reason: 'Only decides whether there is any session.'
  },
  {
    file: 'plugin/stores/sharded/sharded-log.ts',
    original: 'if (busy.length === 0 || share < 1) return pages',
    mutated: 'if (share < 1) return pages',
    reason: 'A shortcut: if no shard has more, the second read reads none of them.'
  },
  {
    file: 'plugin/http/session-cookies.ts',
    original: 'if (repeated.length > 0 && !read(request).isForeign) cookies.clearEverywhere(request, repeated)',
    mutated: 'if (!read(request).isForeign) cookies.clearEverywhere(request, repeated)',
    reason: 'A shortcut: without it, the cookies are decoded, and none of them is cleared.'
  },
  {
    file: 'plugin/http/session-cookies.ts',
    original: 'if (repeated.length > 0 && !read(request).isForeign) cookies.clearEverywhere(request, repeated)',
    mutated: 'if (repeated.length >= 0 && !read(request).isForeign) cookies.clearEverywhere(request, repeated)',
    reason: 'A shortcut: without it, the cookies are decoded, and none of them is cleared.'
  },
  {
    file: 'plugin/http/credentials.ts',
    original: "if (name.length === 13 && name.toLowerCase() === 'authorization') count++",
    mutated: "if (name.toLowerCase() === 'authorization') count++",
    reason: 'The length is compared for speed only.'
  },
  {
    file: 'plugin/stores/memory/id-table.ts',
    original: 'if (this.#hashes[place] === hash && this.#items[place]!.id === id) break',
    mutated: 'if (this.#items[place]!.id === id) break',
    reason: 'Equal ids have equal hashes: the hash is the shorter way to the same item.'
  },
  {
    file: 'plugin/stores/memory/id-table.ts',
    original: 'for (let place = 0; place < hashes.length; place++) {',
    mutated: 'for (let place = 0; place <= hashes.length; place++) {',
    reason: 'Past the end there is neither a hash nor an item, and adding nothing changes nothing.'
  },
  {
    file: 'plugin/stores/memory/id-table.ts',
    original: 'return hash === 0 ? 1 : hash',
    mutated: 'return hash === 0 ? 2 : hash',
    reason: 'Any number but 0 shows that the place is taken.'
  },
  {
    file: 'plugin/sessions/revocation-list.ts',
    original: '#version = 0',
    mutated: '#version = 1',
    reason: 'Versions are only compared with each other, and with -1.'
  },
  {
    file: 'plugin/sessions/revocation-list.ts',
    original: 'token.checkedAtVersion = this.#version',
    mutated: ';',
    reason: 'A shortcut: without it, the list is looked up again, with the same result.'
  },
  {
    file: 'plugin/stores/memory/id-table.ts',
    original: 'let hash = 0x811c9dc5',
    mutated: 'let hash = 4332272522',
    reason: 'The hash begins with another number and distributes ids as well.'
  },
  {
    file: 'plugin/stores/memory/id-table.ts',
    original:
      'for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)',
    mutated:
      'for (let index = 0; index <= id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)',
    reason: 'One more multiplication by an odd number: the hash distributes ids as well.'
  },
  {
    file: 'plugin/stores/memory/session-table.ts',
    original: '{ now, lifetimeSeconds, atLeast = 0 }: RevokeTerms & { readonly atLeast?: number }',
    mutated: '{ now, lifetimeSeconds, atLeast = 1 }: RevokeTerms & { readonly atLeast?: number }',
    reason: 'The end of a revocation is more than a minute after the epoch: 1 ms is not later.'
  },
  {
    file: 'plugin/stores/memory/owner.ts',
    original: 'this.counter = 0',
    mutated: 'this.counter = 1',
    reason: 'A session begins with the counter of its owner: only later differences count.'
  },
  {
    file: 'plugin/stores/memory/owner.ts',
    original: 'this.position = 0',
    mutated: ';',
    reason: 'Read only of an owner in a bucket, and set together with the bucket.'
  },
  {
    file: 'plugin/stores/memory/owner.ts',
    original: 'this.position = 0',
    mutated: 'this.position = 1',
    reason: 'Read only of an owner in a bucket, and set together with the bucket.'
  },
  {
    file: 'plugin/stores/memory/expiry-index.ts',
    original: 'if (item.bucket !== null && item.bucket.minute <= minute) return',
    mutated: 'if (item.bucket !== null && item.bucket.minute < minute) return',
    reason: 'An item that stays in its minute is put there again: this only takes longer.'
  },
  {
    file: 'plugin/stores/memory/revocation-log.ts',
    original: '#last = 0',
    mutated: '#last = 1',
    reason: 'Only the order of the numbers counts, and the first is still above 0.'
  },
  {
    file: 'plugin/stores/memory/revocation-log.ts',
    original:
      'const item = { number: ++this.#last, entry: Object.freeze({ kind, id, until }), bucket: null, position: 0 }',
    mutated:
      'const item = { number: ++this.#last, entry: Object.freeze({ kind, id, until }), bucket: null, position: 1 }',
    reason: 'Read only of an entry in a bucket, and set together with the bucket.'
  },
  {
    file: 'plugin/stores/memory/session.ts',
    original: 'this.position = 0',
    mutated: ';',
    reason: 'Read only of a session in a bucket, and set together with the bucket.'
  },
  {
    file: 'plugin/stores/memory/session.ts',
    original: 'this.position = 0',
    mutated: 'this.position = 1',
    reason: 'Read only of a session in a bucket, and set together with the bucket.'
  },
  {
    file: 'plugin/stores/memory/session.ts',
    original: 'this.previous = null',
    mutated: ';',
    reason: 'The owner sets it when it adds the session, before anything reads it.'
  },
  {
    file: 'plugin/stores/memory/session.ts',
    original: "return text === '{}' ? noMembers : deepFreeze(JSON.parse(text) as Members)",
    mutated: 'return false ? noMembers : deepFreeze(JSON.parse(text) as Members)',
    reason: 'The members are an empty frozen object as well: one for all sessions takes less memory.'
  },
  {
    file: 'plugin/stores/memory/session-table.ts',
    original: 'const open = this.owners.of(subject).reduce((total, { openCount }) => total + openCount, 0)',
    mutated: 'const open = this.owners.of(subject).reduce((total, { openCount }) => total + openCount, 1)',
    reason: 'Only decides whether the live sessions are counted, and they decide what is revoked.'
  },
  {
    file: 'plugin/stores/memory/session-table.ts',
    original: 'const live = open > maxSessions ? this.live(subject, terms.now) : []',
    mutated: 'const live = true ? this.live(subject, terms.now) : []',
    reason: 'Only saves time: no session is in excess when so few are open.'
  },
  {
    file: 'plugin/stores/memory/session-table.ts',
    original: 'const live = open > maxSessions ? this.live(subject, terms.now) : []',
    mutated: 'const live = open >= maxSessions ? this.live(subject, terms.now) : []',
    reason: 'Only saves time: no session is in excess when so few are open.'
  },
  {
    file: 'plugin/http/credentials.ts',
    original: 'for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + 1)) {',
    mutated: 'for (let at = header.indexOf(name); at >= 0; at = header.indexOf(name, at + 2)) {',
    reason: 'A cookie begins behind a blank or a semicolon, never one character after the name.'
  },
  {
    file: 'plugin/stores/memory.ts',
    original:
      'isMatch: (session) => session.generation === generation && (session.repeatedGeneration ?? -1) < repeated,',
    mutated:
      'isMatch: (session) => session.generation === generation && (session.repeatedGeneration ?? -2) < repeated,',
    reason: 'No generation is below 0.'
  },
  {
    file: 'plugin/http/credentials.ts',
    original: 'const value = trimBlanks(header.slice(at + name.length + 1, end < 0 ? undefined : end))',
    mutated: 'const value = trimBlanks(header.slice(at + name.length + 1, end <= 0 ? undefined : end))',
    reason: 'The semicolon comes after the name, so its place is above 0.'
  },
  {
    file: 'plugin/http/credentials.ts',
    original: 'const value = trimBlanks(header.slice(at + name.length + 1, end < 0 ? undefined : end))',
    mutated: 'const value = trimBlanks(header.slice(at + name.length + 1, end < 1 ? undefined : end))',
    reason: 'The semicolon comes after the name, so its place is above 0.'
  },
  {
    file: 'plugin/stores/memory/id-table.ts',
    original: 'return hashOf(id) || 1',
    mutated: 'return hashOf(id) || 2',
    reason: 'Of 2^32 hashes, one takes the place of another that is not 0: the ids are compared.'
  },
  {
    file: 'plugin/stores/memory/session-table.ts',
    original: 'if (live.length <= limit) return live',
    mutated: 'if (live.length < limit) return live',
    reason: 'Of exactly as many sessions as the limit, all are the most recent ones, in the same order.'
  }
]

const keyOf = ({ file, original, mutated }: Pick<Equivalent, 'file' | 'original' | 'mutated'>) =>
  `${file}\n${original}\n${mutated}`
const known = new Set(equivalents.map(keyOf))

export function isEquivalent(mutation: Mutation): boolean {
  return known.has(keyOf(mutation))
}

/** Entries that match no mutation of the current code. */
export function outdated(mutations: readonly Mutation[]): Equivalent[] {
  const present = new Set(mutations.map(keyOf))
  return equivalents.filter((entry) => !present.has(keyOf(entry)))
}
