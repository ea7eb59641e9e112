export interface Release {
  /** The git tag, such as `v1.2.0`. */
  readonly tag: string
  readonly manifest: { readonly version: string; readonly repository?: unknown }
  readonly lock: {
    readonly version: string
    readonly packages: Readonly<Record<string, { readonly version?: string }>>
  }
  /** The text of CHANGELOG.md. */
  readonly changelog: string
}

/** The sections of the changelog, the newest first: what follows `## `, and the text below it. */
export function sectionsOf(changelog: string): { title: string; text: string }[] {
  return changelog
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title = '', ...lines] = section.split('\n')
      return { title, text: lines.join('\n').trim() }
    })
}

/** The changes of a version, as CHANGELOG.md has them. */
export function notesOf({ changelog, manifest }: Release): string {
  return sectionsOf(changelog).find(({ title }) => title.startsWith(`${manifest.version} - `))?.text ?? ''
}

/** Why this must not be released; empty if nothing is wrong. */
export function releaseProblems(release: Release): string[] {
  const { tag, manifest, lock, changelog } = release
  const { version } = manifest
  const [unreleased, newest] = sectionsOf(changelog)
  const own = lock.packages['']?.version
  const checks: [boolean, string][] = [
    [tag === `v${version}`, `the tag must be v${version}, as in package.json: received ${tag}`],
    [
      lock.version === version && own === version,
      `package-lock.json must have the version ${version}: run npm install`
    ],
    [unreleased?.title === 'Unreleased', 'CHANGELOG.md must begin with the section "Unreleased"'],
    [unreleased?.text === '', 'the section "Unreleased" of CHANGELOG.md must be empty'],
    [
      newest?.title.replace(/ - \d{4}-\d{2}-\d{2}$/, ' - DATE') === `${version} - DATE`,
      `the second section of CHANGELOG.md must be "${version} - YYYY-MM-DD": received "${newest?.title}"`
    ],
    [notesOf(release) !== '', `CHANGELOG.md must list the changes of ${version}`],
    [manifest.repository !== undefined, 'package.json must have "repository", which the provenance statement names']
  ]
  return checks.filter(([isRight]) => !isRight).map(([, problem]) => problem)
}
