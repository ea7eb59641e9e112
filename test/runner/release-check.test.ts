import t from 'tap'
import { notesOf, releaseProblems, sectionsOf, type Release } from './release-check.ts'

const changelog = `# Changelog

## Unreleased

## 1.2.0 - 2027-01-31

### Added

- A thing.

## 1.1.0 - 2026-12-24

- An older thing.
`
const ready: Release = {
  tag: 'v1.2.0',
  manifest: { version: '1.2.0', repository: { type: 'git', url: 'git+https://git.example.com/plugin.git' } },
  lock: { version: '1.2.0', packages: { '': { version: '1.2.0' } } },
  changelog
}

t.test('releaseProblems() finds nothing if the tag, the version and the changelog agree', async (t) => {
  t.strictSame(releaseProblems(ready), [])
  t.equal(notesOf(ready), '### Added\n\n- A thing.')
})

const wrong: [name: string, change: Partial<Release>, problems: string[]][] = [
  ['another tag', { tag: 'v1.2.1' }, ['the tag must be v1.2.0, as in package.json: received v1.2.1']],
  ['a tag without v', { tag: '1.2.0' }, ['the tag must be v1.2.0, as in package.json: received 1.2.0']],
  [
    'an old lockfile',
    { lock: { version: '1.1.0', packages: { '': { version: '1.2.0' } } } },
    ['package-lock.json must have the version 1.2.0: run npm install']
  ],
  [
    'changes that are not in the release',
    { changelog: changelog.replace('## Unreleased\n', '## Unreleased\n\n- A later thing.\n') },
    ['the section "Unreleased" of CHANGELOG.md must be empty']
  ],
  [
    'a section without a date',
    { changelog: changelog.replace('1.2.0 - 2027-01-31', '1.2.0') },
    [
      'the second section of CHANGELOG.md must be "1.2.0 - YYYY-MM-DD": received "1.2.0"',
      'CHANGELOG.md must list the changes of 1.2.0'
    ]
  ],
  [
    'no section "Unreleased"',
    { changelog: changelog.replace('## Unreleased\n\n', '') },
    [
      'CHANGELOG.md must begin with the section "Unreleased"',
      'the section "Unreleased" of CHANGELOG.md must be empty',
      'the second section of CHANGELOG.md must be "1.2.0 - YYYY-MM-DD": received "1.1.0 - 2026-12-24"'
    ]
  ],
  [
    'no repository',
    { manifest: { version: '1.2.0' } },
    ['package.json must have "repository", which the provenance statement names']
  ]
]
for (const [name, change, problems] of wrong) {
  t.test(`releaseProblems() refuses ${name}`, async (t) => {
    t.strictSame(releaseProblems({ ...ready, ...change }), problems)
  })
}

t.test('sectionsOf() lists the sections, the newest first', async (t) => {
  t.strictSame(
    sectionsOf(changelog).map(({ title }) => title),
    ['Unreleased', '1.2.0 - 2027-01-31', '1.1.0 - 2026-12-24']
  )
})
