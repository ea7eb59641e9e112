// npm run release -- v1.2.0: checks that the tag, the version and the changelog agree, and prints the changes.
import { readFileSync } from 'node:fs'
import { notesOf, releaseProblems, type Release } from './release-check.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const release: Release = {
  tag: process.argv[2] ?? '',
  manifest: JSON.parse(read('package.json')) as Release['manifest'],
  lock: JSON.parse(read('package-lock.json')) as Release['lock'],
  changelog: read('CHANGELOG.md')
}
const problems = releaseProblems(release)
if (problems.length === 0) console.log(notesOf(release))
for (const problem of problems) console.error(`Cannot release: ${problem}`)
if (problems.length > 0) process.exitCode = 1
