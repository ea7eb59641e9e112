import type { Mutation } from './mutations.ts'

/** The outcome for a mutation. `compiler`: no test failed, but the types do not allow it. */
export type Fate = 'tests' | 'time' | 'compiler' | 'survived' | 'equivalent'

export interface Tried {
  readonly mutation: Mutation
  readonly fate: Fate
}

/** Percent of the mutations that have an effect. */
export const goal = 97

export function scoreOf(tried: readonly Tried[]) {
  const count = (fate: Fate) => tried.filter((one) => one.fate === fate).length
  const meaningful = tried.length - count('equivalent')
  const noticed = meaningful - count('survived')
  const percent = meaningful === 0 ? 100 : (100 * noticed) / meaningful
  const survivors = tried.filter(({ fate }) => fate === 'survived').map(({ mutation }) => mutation)
  return {
    percent,
    survivors,
    sentence:
      `${noticed} of ${meaningful} noticed, ${percent.toFixed(1)} % (by tests ${count('tests')}, by their time limit ` +
      `${count('time')}, by the compiler alone ${count('compiler')}); ${count('equivalent')} more are equivalent`
  }
}

export function describe({ file, line, operator, original, mutated }: Mutation): string {
  return `${file}:${line} ${operator}\n    ${original}\n  → ${mutated}`
}
