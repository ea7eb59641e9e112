import { readFileSync } from 'node:fs'
import type { Environment, Reader } from './readers.ts'

/** Their values never appear in a message. Each can be in a file instead, which the variable `…_FILE` names. */
const secretNames = new Set(['AUTH_SECRET', 'AUTH_KEYS', 'DEMO_PASSWORD', 'DATABASE_URL', 'REDIS_URL', 'SMTP_URL'])

/** Everything that is wrong with the environment. */
export class ConfigError extends Error {
  /** One line for each wrong variable. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** What a program prints that has failed: a line for each wrong variable, or the message of another error. */
export function describeFailure(purpose: string, error: Error): string {
  const messages = error instanceof ConfigError ? error.problems : [error.message]
  return messages.map((message) => `Cannot ${purpose}: ${message}`).join('\n')
}

export type Variables = ReturnType<typeof createVariables>

/** Reads variables and collects what is wrong with them. An empty variable counts as absent. */
export function createVariables(env: Environment) {
  const problems: string[] = []
  const known = new Set<string>()

  /** The variable's text, or the content of its file without the newlines that editors add; empty if it is absent. */
  function textOf(name: string): string {
    known.add(name)
    const text = env[name] ?? ''
    if (!secretNames.has(name)) return text
    const fileName = `${name}_FILE`
    known.add(fileName)
    const path = env[fileName] ?? ''
    if (path === '') return text
    if (text !== '') problems.push(`${name} and ${fileName} must not both be set`)
    else return readSecretFile(fileName, path)
    return ''
  }

  function readSecretFile(fileName: string, path: string): string {
    try {
      const content = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '')
      if (content === '') problems.push(`${fileName} must not name an empty file: received ${JSON.stringify(path)}`)
      return content
    } catch {
      problems.push(`${fileName} must be a readable file: received ${JSON.stringify(path)}`)
      return ''
    }
  }

  const isSet = (name: string): boolean => (env[name] ?? '') !== ''

  return {
    problems,
    isSet: (name: string): boolean => isSet(name) || (secretNames.has(name) && isSet(`${name}_FILE`)),
    /** The variables with this prefix that nothing has read. */
    unknown: (prefix: string): string[] =>
      Object.keys(env)
        .filter((name) => name.startsWith(prefix) && isSet(name) && !known.has(name))
        .sort(),
    /** Returns `undefined` if the variable is absent or wrong. */
    read<T>(name: string, reader: Reader<T>): T | undefined {
      const given = textOf(name)
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
