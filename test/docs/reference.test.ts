// The reference is made from the doc comments, so each must say what a reader of the editor's hover needs.
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import type { DocComment } from '../../reference/doc-comment.ts'
import { entries } from '../../reference/entries.ts'
import type { Member } from '../../reference/members.ts'
import { createProgram } from '../../reference/program.ts'
import { readPublicApi, type Item } from '../../reference/public-api.ts'
import { describeApi } from '../../reference/reference.ts'

const api = readPublicApi(createProgram())

t.test('docs/reference/ is what "npm run docs:reference" makes of the doc comments', async (t) => {
  const pages = describeApi(api)
  t.strictSame(readdirSync('docs/reference').sort(), [...pages.keys()].sort())
  for (const [page, text] of pages) t.equal(readFileSync(`docs/reference/${page}`, 'utf8'), text, page)
})

t.test('the reference has every entry of package.json', async (t) => {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string; exports: object }
  const specifiers = Object.keys(exports).map((path) => path.replace(/^\./, name))
  t.strictSame([...entries.map(({ specifier }) => specifier), `${name}/package.json`].sort(), specifiers.sort())
})

/** Something with a doc comment, and the name that an application writes. */
interface Documented {
  readonly name: string
  readonly signature: string
  readonly comment: DocComment
}

/** They list the methods of other libraries that a store calls: the documentation of those is elsewhere. */
const ofOtherLibraries = new Set([
  'IoredisClient',
  'IoredisSubscriber',
  'NodeRedisClient',
  'NodeRedisSubscriber',
  'PostgresClient',
  'PostgresPool',
  'SqliteDatabase',
  'SqliteStatement'
])

function withMembers({ name, ...item }: Item | Member): Documented[] {
  const members = ofOtherLibraries.has(name) ? [] : item.members
  const inner = members.flatMap((member) => withMembers({ ...member, name: `${name}.${member.name}` }))
  return [{ name, ...item }, ...inner]
}

const documented = [...api.added, ...api.items].flatMap(withMembers)
/** What an application passes, not what a store receives: a reader must learn what happens without a member. */
const inputs = api.items
  .filter(({ name }) => /(Options?|Needs|SignIn|Terms)$/.test(name) && !/^(Insert|Revoke)Options$/.test(name))
  .flatMap(({ name, members }) => members.map((member) => ({ ...member, name: `${name}.${member.name}` })))
const functions = [
  ...api.items.filter(({ kind }) => kind === 'function'),
  ...api.added.flatMap((member) => (member.signature.includes('(') ? [member] : member.members))
].filter(({ signature }) => /\w(<.*>)?\(/.test(signature))

const rules = {
  'a meaning': ({ comment }: Documented) => comment.text !== '',
  'a default': ({ signature, comment }: Documented) =>
    !/^\w+\?/.test(signature) || /: never$/.test(signature) || /\bDefault|\bRequired\b/.test(comment.text),
  'that it is required': ({ signature, comment }: Documented) =>
    /^\w+\?/.test(signature) || /\b[Rr]equired\b/.test(comment.text),
  'a unit': ({ signature, comment }: Documented) =>
    !/^\w+\??: (readonly )?number/.test(signature) ||
    /^\w+(Seconds|Ms)\b/.test(signature) ||
    /\b(milli)?seconds?\b|\bhow (many|often)\b|\bnumber of\b|\bstatus\b|\bgeneration\b/i.test(comment.text),
  'an example': ({ comment }: Documented) => comment.text.includes('```ts\n'),
  'its errors': ({ comment }: Documented) => comment.errors.length > 0 || /\b[Nn]ever rejects\b/.test(comment.text)
}
type Rule = keyof typeof rules

function lacking(rule: Rule, all: readonly Documented[]): string[] {
  return all.filter((one) => !rules[rule](one)).map(({ name }) => name)
}

t.test('the rules find doc comments that lack something', async (t) => {
  const none: DocComment = { text: '', parameters: [], errors: [] }
  const cases: [Rule, signature: string, bad: DocComment, good: DocComment][] = [
    ['a meaning', 'sub: string', none, { ...none, text: 'Who signed in.' }],
    ['a default', 'scope?: string', { ...none, text: 'Scopes.' }, { ...none, text: 'Scopes. Default: none.' }],
    ['that it is required', 'sub: string', { ...none, text: 'Who.' }, { ...none, text: 'Who. Required.' }],
    ['a unit', 'exp: number', { ...none, text: 'When.' }, { ...none, text: 'When, in seconds since the epoch.' }],
    ['an example', 'sign()', { ...none, text: 'Signs.' }, { ...none, text: 'Signs.\n```ts\nsign()\n```' }],
    ['its errors', 'sign()', { ...none, text: 'Signs.' }, { ...none, errors: ['TypeError if it is wrong'] }]
  ]
  for (const [rule, signature, bad, good] of cases) {
    t.strictSame(lacking(rule, [{ name: 'x', signature, comment: bad }]), ['x'], rule)
    t.strictSame(lacking(rule, [{ name: 'x', signature, comment: good }]), [], rule)
  }
})

t.test('every export, every member and everything that is added to Fastify has a doc comment', async (t) => {
  t.ok(documented.length > 300 && inputs.length > 80 && functions.length > 20, 'there is something to look at')
  t.strictSame(lacking('a meaning', documented), [])
})

t.test('what an application passes names its default, or is required, and numbers have a unit', async (t) => {
  const optional = inputs.filter(({ signature }) => /^\w+\?/.test(signature))
  t.strictSame(lacking('a default', optional), [])
  t.strictSame(
    lacking(
      'that it is required',
      inputs.filter((input) => !optional.includes(input))
    ),
    []
  )
  t.strictSame(lacking('a unit', documented), [])
})

/** The interfaces of groups of options, by the beginning of the names in docs/options.md. */
const groups = {
  '': 'AuthenticateOptions',
  'accessToken.': 'AccessTokenOptions',
  'refreshToken.': 'RefreshTokenOptions',
  'cookies.': 'CookieOptions',
  'revocation.': 'RevocationOptions',
  'keys[].': 'KeyOption',
  'trustedIssuers[].': 'TrustedIssuerOption',
  'resources[].': 'ResourceOption'
}

/** The type of each option, by its dotted name. */
function optionTypes(): Map<string, string> {
  const typesOf = ({ name, signature, members }: Member): [string, string][] => [
    [name, signature.replace(/^\w+\??: /, '').replaceAll('readonly ', '')],
    ...members.flatMap((inner) => typesOf({ ...inner, name: `${name}.${inner.name}` }))
  ]
  return new Map(
    Object.entries(groups).flatMap(([prefix, type]) =>
      api.items
        .find(({ name, entry }) => name === type && entry === entries[0])!
        .members.flatMap((member) => typesOf({ ...member, name: `${prefix}${member.name}` }))
    )
  )
}

t.test('docs/options.md has the type of every option', async (t) => {
  const types = optionTypes()
  const rows = [...readFileSync('docs/options.md', 'utf8').matchAll(/^\| `(\S+)` \| `((?:[^|`]|\\\|)+)` \|/gm)]
  t.ok(rows.length > 55)
  for (const [, name, type] of rows) t.equal(type!.replaceAll('\\|', '|'), types.get(name!), name!)
})

/** Functions that cannot fail by what they are given, or whose errors are those of the code that they call. */
const withoutErrors = new Set(['isLive', 'isRotatable', 'revokedUntil', 'wholeMilliseconds', 'storeContract', 'jwks'])

t.test('every function has an example and names its errors', async (t) => {
  t.strictSame(lacking('an example', functions), [])
  t.strictSame(
    lacking('its errors', functions).filter((name) => !withoutErrors.has(name)),
    []
  )
})
