/** Sections of the README of the example server that a project keeps. */
const kept = ['Configure it', 'Limits', 'Accounts', 'Operate it']
/** The README of a project has a section of its own about it. */
const replaced = ['Docker']

/** `docs/server.md` of a project: how the server is configured, and what it does. */
export function serverGuide(readme: string): string {
  const sections = kept.map((heading) => sectionOf(readme, `## ${heading}`)).join('')
  const shorter = replaced.reduce((text, heading) => text.replace(sectionOf(text, `### ${heading}`), ''), sections)
  return `# The server\n\n${withoutLinks(shorter).trimEnd()}\n`
}

/** `docs/production.md` of a project, which compiles the server. */
export function productionGuide(text: string, name: string): string {
  return withoutLinks(
    text
      .replaceAll('`example-server/README.md`', '[server.md](server.md)')
      .replace(/^ *<!-- .* -->\n/gm, '')
      .replace('Set up the example server', 'Set up the server')
      .replace('The example server is in the repository, not in the npm package. ', '')
      .replaceAll('example/fastify-authenticate.git', `example/${name}.git`)
      .replace(
        'The packages that the server needs are development dependencies: do not use `--omit=dev`.',
        'The build needs the development packages: do not use `--omit=dev`.'
      )
      .replace(/node (\S+ )*example-server\/(\S+)\.ts/g, 'node dist/$2.js')
      .replace(/^( *)(sudo -u \w+ )npm ci$/gm, '$1$2npm ci\n$1$2npm run build')
      .replaceAll('example-server/', 'src/')
  )
}

/** The table of the folders of `src/`. */
export function roomsOf(readme: string): string {
  const lines = withoutLinks(sectionOf(readme, '## Where things are')).split('\n')
  return lines.filter((line) => line.startsWith('|')).join('\n')
}

/** From a heading to the next one of its level, or of a higher one. */
function sectionOf(text: string, heading: string): string {
  const start = text.indexOf(`${heading}\n`)
  if (start === -1) throw new Error(`example-server/README.md must have the section "${heading}"`)
  const level = heading.indexOf(' ')
  const end = new RegExp(`^#{2,${level}} `, 'm').exec(text.slice(start + heading.length))
  return text.slice(start, end === null ? undefined : start + heading.length + end.index)
}

/** Links to files that a project does not have, and to sections that are left out, become plain text. */
function withoutLinks(text: string): string {
  return text
    .replaceAll('](../docs/production.md', '](production.md')
    .replace(/\[([^\]]*)\]\((?!(?:server|production)\.md|#|https?:)[^)]*\)/g, '$1')
    .replace(/\[([^\]]*)\]\(#docker\)/g, '$1')
}
