import type { Environment, Reader } from './readers.ts'

/** The values of these variables never appear in a message. */
const secretNames = new Set(['AUTH_SECRET', 'DEMO_PASSWORD', 'DATABASE_URL', 'REDIS_URL'])

/** Everything that is wrong with the environment. */
export class ConfigError extends Error {
  /** One line for each wrong variable. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.map((problem) => `Cannot start: ${problem}`).join('\n'))
    this.problems = problems
  }
}

export type Variables = ReturnType<typeof createVariables>

/** Reads variables and collects what is wrong with them. An empty variable counts as absent. */
export function createVariables(env: Environment) {
  const problems: string[] = []

  return {
    problems,
    isSet: (name: string): boolean => (env[name] ?? '') !== '',
    /** Returns `undefined` if the variable is absent or wrong. */
    read<T>(name: string, reader: Reader<T>): T | undefined {
      const given = env[name] ?? ''
      if (given === '') return undefined
      const value = reader.read(given)
      if (value !== undefined) return value
      const received = secretNames.has(name) ? '' : `: received ${JSON.stringify(given)}`
      problems.push(`${name} must ${reader.must}${received}`)
      return undefined
    },
    /** @throws ConfigError if any variable was wrong */
    finish<T extends object>(config: T): Readonly<T> {
      if (problems.length > 0) throw new ConfigError(problems)
      return Object.freeze(config)
    }
  }
}
