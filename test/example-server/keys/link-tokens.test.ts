import t from 'tap'
import { createLinkTokens } from '../../../example-server/keys/link-tokens.ts'

const [old, next] = ['0123456789abcdefghijklmnopqrstuv', 'vutsrqponmlkjihgfedcba9876543210']
const reset = { purpose: 'password-reset', subject: 'user-1', binding: 'hash' } as const

t.test('matches() accepts a token for its purpose and binding, until it expires', async (t) => {
  const clock = { now: 1_700_000_000_000 }
  const tokens = createLinkTokens({ secrets: [old], clock: () => clock.now })
  const token = tokens.sign(reset, 60)
  t.equal(tokens.subjectOf(token), 'user-1')
  t.equal(tokens.expiryOf(token), clock.now + 60_000)
  t.equal(tokens.matches(token, reset), true)
  t.equal(tokens.matches(token, { ...reset, purpose: 'email-verification' }), false, 'another purpose')
  t.equal(tokens.matches(token, { ...reset, binding: 'another hash' }), false, 'another binding')
  clock.now += 59_999
  t.equal(tokens.matches(token, reset), true)
  clock.now += 1
  t.equal(tokens.matches(token, reset), false, 'expired')
})

t.test('matches() refuses a token that differs in any character', async (t) => {
  const tokens = createLinkTokens({ secrets: [old], clock: () => 0 })
  const token = tokens.sign(reset, 60)
  for (let at = 0; at < token.length; at++) {
    for (const other of ['A', 'b', '9', '.', '=', ' ']) {
      const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`
      if (changed !== token && sameBytes(changed, token)) continue
      if (changed !== token) t.equal(tokens.matches(changed, reset), false, changed)
    }
  }
  for (const malformed of ['', '.', '..', 'user-1', `${token}.`, `${token}\n`, `.${token}`]) {
    t.strictSame([tokens.matches(malformed, reset), tokens.subjectOf(malformed)], [false, null], malformed)
  }
})

t.test('a token of a former secret matches while that secret is listed', async (t) => {
  const clock = () => 0
  const token = createLinkTokens({ secrets: [old], clock }).sign(reset, 60)
  t.equal(createLinkTokens({ secrets: [next, old], clock }).matches(token, reset), true)
  t.equal(createLinkTokens({ secrets: [next], clock }).matches(token, reset), false)
  const newer = createLinkTokens({ secrets: [next, old], clock }).sign(reset, 60)
  t.equal(createLinkTokens({ secrets: [next], clock }).matches(newer, reset), true, 'the first secret signs')
})

/** The last character of 43 has two bits that are not used. */
function sameBytes(one: string, other: string): boolean {
  const bytes = (token: string) => Buffer.from(token.split('.')[2] ?? '', 'base64url')
  return one.slice(0, -1) === other.slice(0, -1) && bytes(one).equals(bytes(other))
}
