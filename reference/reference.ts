import { entries, type Entry } from './entries.ts'
import { createLocate, describeAdded, describeItem, linkTo, type Locate } from './page.ts'
import type { Item, PublicApi } from './public-api.ts'

const made = '<!-- Made from the doc comments by `npm run docs:reference`. Edit those. -->'

/** The pages of `docs/reference/` and their texts. */
export function describeApi(api: PublicApi): Map<string, string> {
  const pages = [...new Set(entries.map(({ page }) => page))]
  return new Map([
    ['README.md', describeIndex(api)],
    ...pages.map((page): [string, string] => [page, describePage(page, api)])
  ])
}

function describePage(page: string, api: PublicApi): string {
  const here = entries.filter((entry) => entry.page === page)
  const locate = createLocate(page, api)
  const parts = here.flatMap((entry) => describeEntry(entry, { api, locate, isAlone: here.length === 1 }))
  const hidden = api.items.filter((item) => !item.isExported && item.entry.page === page)
  const title = here.length === 1 ? `# Reference of \`${here[0]!.specifier}\`` : `# Reference of ${titles[page]}`
  return [
    title,
    made,
    ...(here.length === 1 ? [`${here[0]!.purpose} [All entries](README.md).`] : ['[All entries](README.md).']),
    ...parts,
    ...(hidden.length === 0 ? [] : ['## Parts of these types', 'These cannot be imported by name.']),
    ...byName(hidden).map((item) => describeItem(item, locate))
  ]
    .join('\n\n')
    .concat('\n')
}

const titles: Record<string, string> = {
  'stores.md': 'the stores',
  'session-store.md': 'what a store of your own needs'
}

function describeEntry(
  entry: Entry,
  { api, locate, isAlone }: { readonly api: PublicApi; readonly locate: Locate; readonly isAlone: boolean }
): string[] {
  const items = api.items.filter((item) => item.isExported && item.entry === entry)
  const values = items.filter(isValue)
  const types = byName(items.filter((item) => !isValue(item)))
  const added = entry === entries[0] ? api.added : []
  return [
    ...(isAlone ? [] : [`## \`${entry.specifier}\``, entry.purpose]),
    ...(added.length === 0 ? [] : ['## Added to Fastify', ...added.map((member) => describeAdded(member, locate))]),
    ...(isAlone ? ['## Functions, classes and values'] : []),
    ...values.map((item) => describeItem(item, locate)),
    ...(isAlone && types.length > 0 ? ['## Types'] : []),
    ...types.map((item) => describeItem(item, locate))
  ]
}

function isValue({ kind }: Item): boolean {
  return kind === 'function' || kind === 'class' || kind === 'value'
}

function byName(items: readonly Item[]): Item[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function describeIndex(api: PublicApi): string {
  const [plugin] = entries
  const added = api.added.flatMap(({ name, members, comment, signature }) =>
    members.length > 0 && !signature.includes('(')
      ? members.map((member) => `| \`${name}.${member.name}()\` | ${firstSentence(member.comment.text)} |`)
      : [`| \`${name}${/^[\w.]+[<(]/.test(signature) ? '()' : ''}\` | ${firstSentence(comment.text)} |`]
  )
  const table = (rows: readonly string[]) => ['| name | meaning |', '| --- | --- |', ...rows].join('\n')
  return [
    '# Reference',
    made,
    [
      'Look up every name that an application can import, and everything that the plugin adds to Fastify. The pages',
      'have signatures, defaults, errors and examples. To learn how to use the plugin, begin with the',
      '[index of the documentation](../README.md).'
    ].join('\n'),
    '## Added to Fastify',
    `See [\`fastify-authenticate\`](${plugin!.page}#added-to-fastify).`,
    table(added),
    ...entries.flatMap((entry) => [
      `## \`${entry.specifier}\``,
      `${entry.purpose} See [its page](${entry.page}).`,
      table(
        api.exported
          .get(entry)!
          .map((item) => `| [\`${item.name}\`](${linkTo(item, 'README.md')}) | ${firstSentence(item.comment.text)} |`)
      )
    ])
  ]
    .join('\n\n')
    .concat('\n')
}

function firstSentence(text: string): string {
  const [paragraph = ''] = text.replace(/\{@link ([\w.]+)\}/g, '`$1`').split(/\n\n|\n```|\n-/)
  const line = paragraph.replace(/\s+/g, ' ')
  return (/^.*?(?:\.|:)(?= [A-Z`]|$)/.exec(line)?.[0] ?? line).replaceAll('|', '\\|').replace(/:$/, '.')
}
