/** @type {import('./lesson.js').Lesson} */
export const howItIsSigned = {
  id: 'how-it-is-signed',
  title: 'How it is signed',
  what: ['A signature is computed from the text and a key. Change one letter of either, and it no longer matches.'],
  why: ['One key that both signs and checks (HS256) is enough for one server. Two keys (EdDSA) let others check.']
}
