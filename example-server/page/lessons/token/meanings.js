/**
 * What the members of a header mean. Sources: RFC 7515 §4.1, RFC 7516 §4.1.
 * @type {Record<string, string>}
 */
const headerMembers = {
  alg: 'the algorithm of the signature',
  typ: 'the type of the token',
  kid: 'the id of the key: which of its keys the server must check with',
  cty: 'the type of the content',
  crit: 'the members that a reader must understand',
  jku: 'an address of keys: a server must not fetch it only because the token says so',
  jwk: 'a key: a server must not trust it only because the token contains it',
  x5u: 'an address of certificates',
  x5c: 'certificates',
  x5t: 'the SHA-1 of a certificate',
  'x5t#S256': 'the SHA-256 of a certificate',
  enc: 'the algorithm of the encryption'
}

/**
 * What claims mean. Sources: RFC 7519 §4.1, RFC 9068 §2, OpenID Connect Core 1.0 §2 and §5.1.
 * @type {Record<string, string>}
 */
const claims = {
  iss: 'issuer: who signed the token',
  sub: 'subject: the id of the user, which does not change with the name',
  aud: 'audience: the API that may accept the token',
  exp: 'expires',
  nbf: 'not valid before',
  iat: 'issued',
  auth_time: 'the user last proved who they are',
  jti: 'the id of this token',
  sid: 'the id of the session: when it ends, the token is refused',
  scope: 'what the token allows',
  scp: 'what the token allows',
  roles: 'the roles of the user in this application',
  groups: 'the groups of the user',
  permissions: 'what the user may do',
  name: 'the name of the user',
  email: 'the e-mail address of the user',
  email_verified: 'whether the address is confirmed',
  preferred_username: 'the name that the user chose',
  client_id: 'the program that asked for the token',
  azp: 'the program that asked for the token',
  acr: 'how strongly the user proved who they are',
  amr: 'by which means the user proved who they are',
  nonce: 'a random value of the program that asked for the token',
  cnf: 'the key that the sender must prove to have',
  act: 'who acts for the user',
  tid: 'the tenant',
  tenant: 'the tenant'
}

/** @type {Record<string, string>} */
const algorithms = {
  none: 'no signature at all: a server must refuse this',
  EdDSA: 'a private key signs, a public key checks (Ed25519)',
  Ed25519: 'a private key signs, a public key checks'
}
const algorithmFamilies = {
  HS: 'HMAC: one secret signs and checks',
  RS: 'RSA: a private key signs, a public key checks',
  PS: 'RSA-PSS: a private key signs, a public key checks',
  ES: 'ECDSA: a private key signs, a public key checks'
}

/** @type {Record<string, string>} */
const types = { 'at+jwt': 'an access token (RFC 9068)', JWT: 'a JSON Web Token, without saying what it is for' }

const times = new Set(['exp', 'nbf', 'iat', 'auth_time', 'updated_at'])

/**
 * What a member of a token means, in plain words.
 * @param {'header' | 'payload'} part
 * @param {{ name: string, value: unknown, now: number }} member `now` in ms
 */
export function meaningOf(part, { name, value, now }) {
  if (part === 'payload') {
    const meaning = Object.hasOwn(claims, name) ? claims[name] : 'a claim of the application that issued the token'
    return times.has(name) ? `${meaning} ${describeTime(value, now)}` : `${meaning}`
  }
  if (name === 'alg') return algorithmMeaning(String(value))
  if (name === 'typ' && Object.hasOwn(types, String(value))) return `${types[String(value)]}`
  return Object.hasOwn(headerMembers, name) ? `${headerMembers[name]}` : 'not a registered member of a header'
}

/** @param {string} alg */
function algorithmMeaning(alg) {
  const family = /^(HS|RS|PS|ES)\d{3}$/.exec(alg)?.[1]
  if (family) return algorithmFamilies[/** @type {keyof typeof algorithmFamilies} */ (family)]
  return (Object.hasOwn(algorithms, alg) && algorithms[alg]) || 'an algorithm that this page does not know'
}

/**
 * @param {unknown} value NumericDate: seconds since 1970 (RFC 7519 §2)
 * @param {number} now
 */
function describeTime(value, now) {
  if (typeof value !== 'number') return `at a time that is not a number of seconds since 1970: ${JSON.stringify(value)}`
  const date = new Date(value * 1000)
  if (Number.isNaN(date.getTime())) return 'at a time that no calendar has'
  const hint = value > 1e11 ? ' (these look like milliseconds; a token counts seconds)' : ''
  const shown = date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' })
  return `${shown}, ${describeDistance(value * 1000 - now)}${hint}`
}

/** @type {[number, string][]} */
const units = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second']
]

/** @param {number} ms */
function describeDistance(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000)
  if (seconds === 0) return 'now'
  const [size, unit] = units.find(([size]) => seconds >= size * (size === 1 ? 1 : 2)) ?? [1, 'second']
  const count = Math.floor(seconds / size)
  const distance = `${count.toLocaleString('en')} ${unit}${count === 1 ? '' : 's'}`
  return ms < 0 ? `${distance} ago` : `in ${distance}`
}
