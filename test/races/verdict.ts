import type { Answer } from '../fixtures/race-worker.ts'
import { kindOf } from './kinds.ts'
import type { Race } from './kinds.ts'
import type { Step } from './nodes.ts'
import type { Random } from './random.ts'

/** Other processes hear of an ended session within this time. */
const hearsayMs = 5000

/** A step and what came of it. */
export interface Done extends Step {
  readonly answer: Answer
}

/** The sessions that answers gave out, and all their tokens. */
function tokensOf (race: Race, done: readonly Done[]) {
  const answers = [race.session, ...done.map(({ answer }) => answer)]
  const distinct = (texts: (string | null)[]) => [...new Set(texts)].filter((text) => text !== null)
  return { access: distinct(answers.map(({ access }) => access)), refresh: distinct(answers.map(({ refresh }) => refresh)) }
}

/** What to ask when the race is over: of every process where something has ended, of two where it goes on. */
export function questions (race: Race, done: readonly Done[], { nodes, random }: { nodes: number, random: Random }): Step[] {
  const { access, refresh } = tokensOf(race, done)
  const { brief } = kindOf(race.kind)
  const everywhere = Array.from({ length: nodes }, (_, node) => node)
  const ask = (tokens: readonly string[], asked: readonly number[]): Step[] =>
    tokens.flatMap((token) => asked.map((node) => ({ node, call: { do: 'refresh', token, brief } as const })))
  if (goesOn(race, done)) return ask(refresh.slice(-1), random.shuffle(everywhere).slice(0, 2))
  const first: Step = { node: random.below(nodes), call: { do: 'list', sub: race.sub } }
  const hearsay = brief
    ? []
    : everywhere.flatMap((node) => access.map((token): Step => ({ node, call: { do: 'await-refusal', access: token, withinMs: hearsayMs } })))
  return [first, ...ask(refresh, everywhere), ...hearsay]
}

function goesOn (race: Race, done: readonly Done[]): boolean {
  const { ends } = kindOf(race.kind)
  return ends === 'alive' || (ends === 'either' && done.some(({ call, answer }) => call.do === 'refresh' && answer.status === 200))
}

/** What is wrong, as sentences; none is what is hoped for. */
export function judge (race: Race, done: readonly Done[], asked: readonly Done[]): string[] {
  const { ends } = kindOf(race.kind)
  const wrong: string[] = []
  const all = [...done, ...asked]
  const answersTo = (from: readonly Done[], what: Step['call']['do']) => from.filter(({ call }) => call.do === what).map(({ answer }) => answer)
  const check = (isRight: boolean, sentence: string) => { if (!isRight) wrong.push(sentence) }

  for (const { call, answer: { status, code } } of all) check(status < 500, `${call.do} was answered with ${status} ${code}`)

  const refreshed = answersTo(done, 'refresh')
  const successors = new Set(refreshed.map(({ refresh }) => refresh).filter((token) => token !== null && token !== race.session.refresh))
  check(successors.size <= 1, `one token has ${successors.size} successors`)
  if (ends === 'alive') {
    check(successors.size === 1, 'nobody got a successor')
    check(refreshed.every(({ status }) => status === 200), 'a refresh was refused')
  }

  const endings = [...answersTo(done, 'sign-out'), ...answersTo(done, 'revoke-all')]
  for (const ending of endings) {
    check(ending.status < 300, `an ending was answered with ${ending.status}`)
    check(ending.afterwards === 401, `an access token got ${ending.afterwards} where its session had just ended`)
    check(!refreshed.some(({ status, begunAt }) => status === 200 && begunAt > ending.endedAt), 'a refresh that began after the end succeeded')
  }
  for (const { status, code } of answersTo(done, 'sign-in')) {
    check(status === 200 || code === 'AUTH_REVOKED_TOKEN', `sign-in was answered with ${status} ${code}`)
  }

  const again = answersTo(asked, 'refresh')
  if (goesOn(race, done)) {
    check(again.every(({ status }) => status === 200), 'the successor does not work everywhere')
    // Who asks late moves on by one, and everybody with it.
    const next = new Set(again.map(({ refresh }) => refresh).filter((token) => !successors.has(token)))
    check(next.size <= 1, `the successor has ${next.size} successors`)
  } else if (endings.every(({ status }) => status < 300)) {
    check(again.every(({ status }) => status === 401), 'a refresh token works after the end')
    check(answersTo(asked, 'await-refusal').every(({ status }) => status === 401), 'an access token works after the end')
    check(answersTo(asked, 'list').every(({ live }) => live === 0), 'the store has a live session after the end')
  }
  return wrong
}
