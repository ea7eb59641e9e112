// The folder of a user of the testing kit: the packed plugin, the test runners, and an application with its tests.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn } from '../../fixtures/files.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { link, ownPackage, projectPackage, write } from '../consumer.ts'

const sources = 'test/package/testing/consumer/'
const runners = ['jest', '@jest/globals', 'ts-jest', 'vitest', '@playwright/test']
const libraries = ['supertest', '@types/supertest', 'oauth4webapi']

/** Adds the test runners, the application and its tests to a folder that has the plugin. */
export function furnish(folder: string): void {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  link(folder, {
    tap: projectPackage('tap'),
    typescript: projectPackage('typescript'),
    jose: projectPackage('jose'),
    ...Object.fromEntries([...runners, ...libraries].map((name) => [name, ownPackage(name)]))
  })
  const files = filesIn(sources, /\.(ts|cjs|json)$/).map((path): [string, string] => {
    // The names of tests, which would let `npm test` run them.
    const name = path.slice(sources.length).replace(/^(.+\/.+)\.ts$/, '$1.test.ts')
    return [name, readFileSync(path, 'utf8')]
  })
  const texts = Object.fromEntries(files)
  // jest and vitest have the same functions.
  const jest = texts['vitest/notes.test.ts']!.replace("'vitest'", "'@jest/globals'")
  write(folder, { ...texts, 'jest/notes.test.ts': jest, ...documented() })
}

/** The tests of docs/testing.md that need other packages, with the application of the README. */
function documented(): Record<string, string> {
  const first = namedBlock('docs/testing.md', 'first')
  const setup = first.slice(0, first.indexOf('test('))
  const kit = setup.match(/^import .* from '(fastify-authenticate\/testing|\.\/app\.js)'$/gm)!.join('\n')
  const supertest = namedBlock('docs/testing.md', 'supertest')
  const playwright = namedBlock('docs/testing.md', 'playwright')
  return {
    // A program of its own, because its application does not declare claims.
    'docs/tsconfig.json': JSON.stringify({ extends: '../tsconfig.json', include: ['.'], exclude: [] }),
    'docs/app.ts': namedBlock('README.md', 'application'),
    'docs/first.test.ts': first,
    'docs/supertest.test.ts': `import request from 'supertest'\n${setup}\n${supertest}`,
    'docs/playwright.test.ts': `import { expect, test } from '@playwright/test'\n${kit}\n${playwright}`
  }
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[]
  }[]
}

/** Reads what `--json` of jest and vitest wrote: the number of tests that passed by file, and what did not pass. */
export function readReport(path: string) {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report
  const results = testResults.flatMap(({ name, assertionResults }) => {
    const file = name.replace(/^.*[\\/]/, '').replace(/\.test\.[jt]s$/, '')
    return assertionResults.map(({ status, title }) => ({ file, status, title }))
  })
  const passed = results.filter(({ status }) => status === 'passed')
  const count = (file: string) => passed.filter((result) => result.file === file).length
  return {
    passed: { notes: count('notes'), timers: count('timers') },
    others: results.filter((result) => !passed.includes(result))
  }
}
