/** Sections of the README of the example server that a project keeps. */
const kept = ['Configure it', 'Limits', 'Operate it']
/** The README of a project has a section of its own about it. */
const replaced = ['Docker']

/** `docs/server.md` of a project: how the server is configured and operated. */
export function operatorGuide(readme: string): string {
  const sections = kept.map((heading) => sectionOf(readme, `## ${heading}`))
  const withoutReplaced = replaced.reduce(
    (text, heading) => text.replace(sectionOf(text, `### ${heading}`), ''),
    sections.join('')
  )
  return `# The server\n\n${withoutLinks(withoutReplaced).trimEnd()}\n`
}

/** The table of the folders of `src/`. */
export function roomsOf(readme: string): string {
  return withoutLinks(sectionOf(readme, '## Where things are'))
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n')
}

/** From a heading to the next one of its level, or of a higher one. */
function sectionOf(text: string, heading: string): string {
  const start = text.indexOf(`${heading}\n`)
  if (start === -1) throw new Error(`example-server/README.md must have the section "${heading}"`)
  const level = heading.indexOf(' ')
  const end = new RegExp(`^#{2,${level}} `, 'm').exec(text.slice(start + heading.length))
  return text.slice(start, end === null ? undefined : start + heading.length + end.index)
}

/** Links to files of this repository, and to sections that are left out, become plain text. */
function withoutLinks(text: string): string {
  return text.replace(/\[([^\]]*)\]\((\.\.\/[^)]*|#docker)\)/g, '$1')
}
