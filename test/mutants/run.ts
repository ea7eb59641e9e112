// npm run test:mutants -- [--seed 1] [--count 300 | --all] [--file plugin/http/reach.ts]…
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { createRandom } from '../histories/random.ts'
import { createCompiler } from './compiler.ts'
import { isInScope, testsOf } from './concerns.ts'
import { isEquivalent, outdated } from './equivalents.ts'
import { apply, mutationsOf, type Mutation } from './mutations.ts'
import { createSandbox, type Sandbox } from './sandbox.ts'
import { describe, goal, scoreOf, type Fate, type Tried } from './score.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '300' },
    all: { type: 'boolean', default: false },
    file: { type: 'string', multiple: true, default: [] }
  }
})
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const texts = new Map<string, string>()

/** The text as first read: the file may be edited during the run. */
function read(file: string): string {
  const text = texts.get(file) ?? readFileSync(join(root, file), 'utf8')
  texts.set(file, text)
  return text
}

function sample(): Mutation[] {
  const named = values.file.map((file) => relative(root, file.startsWith('/') ? file : join(root, file)))
  const inScope = ts.sys
    .readDirectory(join(root, 'plugin'), ['.ts'])
    .map((path) => relative(root, path))
    .filter(isInScope)
    .sort()
  const all = (named.length > 0 ? named : inScope).flatMap((file) => mutationsOf(file, read(file)))
  const old = named.length > 0 ? [] : outdated(all)
  for (const { file, original } of old) {
    console.log(`The list of equivalents has an entry that matches nothing: ${file}: ${original}`)
  }
  return values.all ? all : createRandom(Number(values.seed)).shuffle(all).slice(0, Number(values.count))
}

const sandboxes: Sandbox[] = []
process.on('exit', () => {
  for (const sandbox of sandboxes) sandbox.close()
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
sandboxes.push(createSandbox(root), createSandbox(root))

/** Distributes the items over the sandboxes. */
async function share<T>(items: readonly T[], work: (item: T, sandbox: Sandbox) => Promise<void>): Promise<void> {
  const queue = [...items]
  await Promise.all(
    sandboxes.map(async (sandbox) => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item, sandbox)
    })
  )
}

/** How long each test file may take. A test that fails without a mutation would make every score worthless. */
async function limitsOf(tests: readonly string[]): Promise<Map<string, number>> {
  const limits = new Map<string, number>()
  await share(tests, async (test, sandbox) => {
    const { outcome, ms } = await sandbox.run(test, 300_000)
    if (outcome !== 'passed') throw new Error(`${test} ${outcome} before anything was changed`)
    limits.set(test, 10_000 + 5 * ms)
  })
  return limits
}

const compiler = createCompiler(root)
const mutations = sample()
const meaningful = mutations.filter((mutation) => !isEquivalent(mutation))
const concerned = new Map([...new Set(meaningful.map(({ file }) => file))].map((file) => [file, testsOf(root, file)]))
const limits = await limitsOf([...new Set([...concerned.values()].flat())])
console.log(`seed ${values.seed}: ${mutations.length} mutations, ${limits.size} test files`)

async function fateOf(mutation: Mutation, sandbox: Sandbox): Promise<Fate> {
  const text = read(mutation.file)
  const mutated = apply(text, mutation)
  sandbox.write(mutation.file, mutated)
  try {
    for (const test of concerned.get(mutation.file)!) {
      const { outcome } = await sandbox.run(test, limits.get(test)!)
      if (outcome !== 'passed') return outcome === 'failed' ? 'tests' : 'time'
    }
  } finally {
    sandbox.write(mutation.file, text)
  }
  return compiler.accepts(mutation.file, mutated) ? 'survived' : 'compiler'
}

const tried: Tried[] = mutations.filter(isEquivalent).map((mutation) => ({ mutation, fate: 'equivalent' }))
await share(meaningful, async (mutation, sandbox) => {
  const fate = await fateOf(mutation, sandbox)
  tried.push({ mutation, fate })
  if (fate !== 'tests') console.log(`${tried.length}/${mutations.length} ${fate}: ${describe(mutation)}`)
})

const { percent, survivors, sentence } = scoreOf(tried)
console.log(`\n${survivors.length} survived${survivors.length > 0 ? ':' : ''}`)
for (const mutation of survivors) console.log(describe(mutation))
console.log(sentence)
if (percent < goal) process.exitCode = 1
