import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures } from './measure.ts'
import { everyMs, lifetimeSeconds, rates, tabCount, timeoutMs } from './settings.ts'
import type { Variant } from './tabs.ts'

/** One run of a client against both servers. */
export interface Row {
  readonly variant: Variant
  readonly tolerant: Figures
  readonly strict: Figures
}

export interface Comparison {
  readonly date: string
  readonly chromium: string
  readonly seconds: number
  /** Versions of the other libraries. */
  readonly versions: Readonly<Record<string, string>>
  readonly rows: readonly Row[]
}

/** What is compared, and its name in the table. */
export const contestants: readonly { readonly name: string; readonly variant: Variant }[] = [
  { name: 'this client, by cookie', variant: { client: 'ours' } },
  { name: 'this client, by bearer tokens in `localStorage`', variant: { client: 'ours-bearer' } },
  { name: 'this client, without Web Locks', variant: { client: 'ours', withoutLocks: true } },
  { name: '`supertokens-website`', variant: { client: 'supertokens-website' } },
  { name: '`axios-auth-refresh`', variant: { client: 'axios-auth-refresh' } },
  { name: '`axios-jwt`', variant: { client: 'axios-jwt' } },
  { name: 'twenty lines: after a 401, refresh and repeat once', variant: { client: 'naive' } }
]

const heading = '## Compared'
const file = join(import.meta.dirname, 'comparison.json')

export function saveComparison(comparison: Comparison): void {
  writeFileSync(file, `${JSON.stringify(comparison, null, 2)}\n`)
}

export function readComparison(): Comparison {
  return JSON.parse(readFileSync(file, 'utf8')) as Comparison
}

const supertokens =
  oneLine(`The server adds the header \`front-token\`, which says when the token expires or that the session is
over. The library is made for SuperTokens' own server, which decides differently about a token that is presented again`)
const axiosJwt =
  oneLine(`as in its README, if the server rotates: tokens in \`localStorage\`. \`tokenExpireFudge\` is 1 s, because
the default of 10 s exceeds this lifetime`)

/** Writes the section of `docs/client.md`, with its heading. */
export function describeComparison({ date, chromium, seconds, versions, rows }: Comparison): string {
  const [lost, short, long] = [rates.lost, rates.stalled2s, rates.stalled60s].map(percent)
  return `${heading}

${tabCount} tabs of Chromium ${chromium} send a request every ${everyMs} ms each, for ${seconds} s.
Every other one is a POST.
Access tokens live for ${lifetimeSeconds} s. A proxy loses ${lost} of the responses.
It stalls ${short} for 2 s, and ${long} for 60 s. Callers wait for at most ${timeoutMs / 1000} s.
\`node --import tsx test/rigs/client/compare.ts\` repeats it (last on ${date}).

| column | what it counts |
| --- | --- |
| sign-outs | how often the user had to sign in again |
| twice | bodies that the server executed twice |
| lost | refreshes whose response did not reach the tab |
| not needed | refreshes less than 1 s after another one whose response was not lost |
| 401 | responses with this status that reached a caller |
| failed | requests that failed although their response was not lost: they waited for a refresh, or for a sign-in |

Against this plugin, with \`refreshToken.retrySeconds: 2\` because of the short lifetime:

${table(rows.map(({ variant, tolerant }) => ({ variant, figures: tolerant })))}

Against a server that treats every refresh token that is presented again as stolen, as many do. This plugin does so with
\`retrySeconds: 0, lateRetries: 0\`. No client can continue there after a refresh whose response is lost, which happens
to each client at least once. A sign-out fails the requests that wait for that refresh.

${table(rows.map(({ variant, strict }) => ({ variant, figures: strict })))}

| client | configuration |
| --- | --- |
| \`supertokens-website\` ${versions['supertokens-website']} | its defaults, by cookie. ${supertokens} |
| \`axios-auth-refresh\` ${versions['axios-auth-refresh']} | as in its README, by cookie |
| \`axios-jwt\` ${versions['axios-jwt']} | ${axiosJwt} |
| twenty lines | by cookie. All requests of a tab wait for one refresh |
`
}

/** The section of a page that this file writes. It ends before the next one. */
export function sectionOf(page: string): string {
  const start = page.indexOf(`${heading}\n`)
  if (start === -1) throw new RangeError(`The page does not have "${heading}"`)
  const end = page.indexOf('\n## ', start)
  return page.slice(start, end === -1 ? undefined : end + 1)
}

/** Cells of tables cannot be wrapped. */
function oneLine(text: string): string {
  return text.replaceAll('\n', ' ')
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))} %`
}

function table(rows: readonly { readonly variant: Variant; readonly figures: Figures }[]): string {
  const lines = rows.map(({ variant, figures }) => {
    const { signOuts, doubles, refreshes, lostRefreshes, superfluous, refused, requests } = figures
    const failed = `${figures.unexplained} of ${requests}`
    return [nameOf(variant), signOuts, doubles, refreshes, lostRefreshes, superfluous, refused, failed]
  })
  const head = ['', 'sign-outs', 'twice', 'refreshes', 'lost', 'not needed', '401', 'failed']
  return [head, head.map(() => '---'), ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`.replace('|  |', '| |'))
    .join('\n')
}

function nameOf({ client, withoutLocks = false }: Variant): string {
  return contestants.find(
    ({ variant }) => variant.client === client && (variant.withoutLocks ?? false) === withoutLocks
  )!.name
}
