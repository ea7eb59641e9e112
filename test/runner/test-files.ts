import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesIn } from '../fixtures/files.ts'
import { resolveImport } from '../fixtures/self-reference.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What starts a process or a browser, or opens a database. */
const slowImports =
  /^(node:child_process|node:worker_threads|playwright-core|test\/fixtures\/sqlite\.ts|example-server\/database\/.*)$/

/**
 * The long files come first, so that the last file to end is a short one. Among them, those that need the processor
 * come first: right after an install, the disk is busy, and a server that waits for it responds 503. Two files with a
 * browser do not start together. A file that is not listed comes after these.
 */
const longest = [
  'test/types.test.ts',
  'test/histories/histories.test.ts',
  'test/stores/contract.test.ts',
  'test/browser/token-lessons.test.ts',
  'test/browser/page.test.ts',
  'test/browser/lessons.test.ts',
  'test/flows/faults.test.ts',
  'test/example-server/cluster.test.ts',
  'test/stores/postgres/contract.test.ts',
  'test/browser/short-tokens.test.ts',
  'test/flows/redis-failover.test.ts',
  'test/stores/redis/contract.test.ts',
  'test/browser/client.test.ts',
  'test/flows/keys-rotate.test.ts'
]

/** The files that need a process of their own, with the reason. */
const alone: readonly (readonly [files: RegExp, reason: string])[] = [
  [/^test\/browser\//, 'a browser ends with the process that has started it'],
  [/^test\/(histories|mutants|runner)\//, 'limits the time of processes, or ends some'],
  [/^test\/flows\/killed-test\.test\.ts$/, 'ends test processes'],
  [/^test\/http\/one-(pass|signature)\.test\.ts$/, 'replaces functions of node:crypto before the plugin imports them'],
  [/^test\/http\/route-registry\.test\.ts$/, 'creates an application before the first import of the plugin'],
  [/^test\/tokens\/random-id\.test\.ts$/, 'replaces a function of node:crypto before the plugin imports it']
]

/** Whether the file can run in one process with others, which load the plugin and all packages only once. */
export function canShare(file: string): boolean {
  return !alone.some(([files]) => files.test(file))
}

/** What CI runs side by side. A file that no pattern matches is `logic`. */
const groups = { browser: /^test\/browser\//, stores: /^test\/(stores|histories|flows)\// } as const
export const groupNames = ['logic', 'stores', 'browser'] as const

function groupOf(file: string): (typeof groupNames)[number] {
  if (groups.browser.test(file)) return 'browser'
  return groups.stores.test(file) ? 'stores' : 'logic'
}

/**
 * The test files, the longest first.
 * @param only.fast those that start no process, no database and no browser
 * @param only.group one of {@link groupNames}
 */
export function testFiles({ fast = false, group }: { fast?: boolean; group?: string | undefined }): string[] {
  if (group !== undefined && !groupNames.some((name) => name === group)) {
    throw new TypeError(`"--group" must be one of ${groupNames.join(', ')}: received ${group}`)
  }
  const known: Imports = new Map()
  const files = filesIn('test', /\.test\.ts$/)
    .filter((file) => group === undefined || groupOf(file) === group)
    .filter((file) => !fast || !importedBy(file, known).some((name) => slowImports.test(name)))
  return files.sort((a, b) => rank(a) - rank(b) || sizeOf(b) - sizeOf(a))
}

function rank(file: string): number {
  const place = longest.indexOf(file)
  return place === -1 ? longest.length : place
}

const sizeOf = (file: string) => statSync(join(root, file)).size

/** What each file imports directly. */
export type Imports = Map<string, readonly string[]>

/**
 * The file itself, and every file and package that it imports, directly or through others.
 * @param known is filled with what was read, so that further calls do not read it again
 */
export function importedBy(file: string, known: Imports = new Map()): string[] {
  const visited = new Set([file])
  for (const next of visited) for (const imported of importsOf(next, known)) visited.add(imported)
  return [...visited]
}

function importsOf(file: string, known: Imports): readonly string[] {
  const found = known.get(file) ?? readImports(file)
  known.set(file, found)
  return found
}

function readImports(file: string): string[] {
  if (!existsSync(join(root, file)) || !statSync(join(root, file)).isFile()) return []
  const text = readFileSync(join(root, file), 'utf8').replace(/^import type .*|^\s*(\/\/|\*).*$/gm, '')
  return [...text.matchAll(/(?:from|import) ?\(?'([^']+)'/g)].map(([, specifier = '']) =>
    resolveImport(specifier, file)
  )
}
