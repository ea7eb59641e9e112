/** The `.env.example` of a project: a comment for each variable that the README describes. */
export function exampleEnvironment(readme: string): string {
  const rows = [...readme.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| (.*) \| (.*) \|$/gm)]
  const variables = rows.flatMap(([, names = '', meaning = '', value = '']) => [
    '',
    ...wrapped(plain(`${meaning}. Default: ${value}`)),
    ...[...names.matchAll(/`(\w+)`/g)].map(([, name]) => `#${name}=`)
  ])
  return `${[...introduction, ...variables].join('\n')}\n`
}

const introduction = [
  '# Copy this file to .env: the npm scripts and docker compose read it. It must not be committed.',
  '# Outside production, each variable has a default. A variable of the shell wins over the one of this file.',
  '# docs/server.md says more about them.',
  '',
  '# Only for docker compose. They become parts of URLs: use letters and digits.',
  '#POSTGRES_PASSWORD=',
  '#APP_DATABASE_PASSWORD='
]

/** Markdown without its marks and references. */
function plain(text: string): string {
  return text
    .replace(/; see \[[^\]]*\]\([^)]*\)/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
}

function wrapped(text: string): string[] {
  const lines: string[] = []
  let line = '#'
  for (const word of text.split(' ')) {
    if (line.length + word.length > 110) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line]
}
