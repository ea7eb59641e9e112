import type { DocComment } from './doc-comment.ts'
import type { Member } from './members.ts'
import type { Item, PublicApi } from './public-api.ts'

/** Where a page's readers find something, as the target of a link. */
export type Locate = (name: string) => string | null

/** The lines of a paragraph that are part of a list are indented. */
const indent = (text: string) => text.replace(/^(?=.)/gm, '  ')
const listOf = (entries: readonly string[]) => entries.map((entry) => `- ${indent(entry).trimStart()}`).join('\n')

/** A member of a type, with its own members, as an entry of a list. */
function describeMember(member: Member, locate: Locate): string {
  const parts = [
    `- \`${member.signature}\``,
    ...[commentText(member.comment, locate), ...usesText(member, locate)].filter(Boolean).map(indent),
    ...(member.members.length === 0 ? [] : [indent(describeMembers(member.members, locate))])
  ]
  return parts.join('\n\n').replace(/^(- .*)\n\n {2}/, '$1\\\n  ')
}

function describeMembers(members: readonly Member[], locate: Locate): string {
  return members.map((member) => describeMember(member, locate)).join('\n')
}

/** A heading, the signature, the comment and the members. */
export function describeItem(item: Item, locate: Locate): string {
  return [
    `### \`${item.name}\``,
    ...(item.signature === '' ? [] : [codeBlock(item.signature)]),
    commentText(item.comment, locate),
    // The constructor of a class names the class.
    ...usesText({ uses: item.uses.filter(({ name }) => name !== item.name) }, locate),
    describeMembers(item.members, locate)
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** What the plugin adds to Fastify, under the name that an application writes. */
export function describeAdded(member: Member, locate: Locate): string {
  const isGroup = member.members.length > 0 && !member.signature.includes('(')
  const heading = /^\S+?(?=[<(])/.exec(member.signature)?.[0]
  return [
    `### \`${heading && !member.signature.includes(': (') ? `${heading}()` : member.name}\``,
    ...(isGroup ? [] : [codeBlock(member.signature)]),
    commentText(member.comment, locate),
    ...usesText(member, locate),
    describeMembers(member.members, locate)
  ]
    .filter(Boolean)
    .join('\n\n')
}

function codeBlock(code: string): string {
  return `\`\`\`ts\n${code}\n\`\`\``
}

/** The comment, its parameters and its errors. */
function commentText({ text, parameters, errors }: DocComment, locate: Locate): string {
  return [
    withLinks(text, locate),
    listOf(parameters.map(({ name, text }) => `\`${name}\`: ${withLinks(text, locate)}`)),
    ...(errors.length === 0 ? [] : [`Throws:\n${listOf(errors.map((error) => errorText(error, locate)))}`])
  ]
    .filter(Boolean)
    .join('\n\n')
}

function errorText(text: string, locate: Locate): string {
  return withLinks(text, locate)
    .replace(/^(\w*Error|AuthUnavailable)\b/, '`$1`')
    .replace(/\bAUTH_[A-Z_]+\b/g, '`$&`')
}

/** `{@link Needs}` and `{@link AuthError.detail}` become links to the type; a member of the same type stays a word. */
function withLinks(text: string, locate: Locate): string {
  return text.replace(/\{@link ([\w.]+)\}/g, (_, name: string) => {
    const target = locate(name.split('.')[0]!)
    return target === null ? `\`${name}\`` : `[\`${name}\`](${target})`
  })
}

/** The types that the signature names, because a link cannot stand in code. */
function usesText({ uses }: Pick<Member, 'uses'>, locate: Locate): string[] {
  const links = [...new Set(uses.map(({ name }) => name))]
    .map((name) => [name, locate(name)] as const)
    .filter(([, target]) => target !== null)
    .map(([name, target]) => `[${name}](${target})`)
  return links.length === 0 ? [] : [`See ${links.join(', ')}.`]
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}

/** Links from one page to everything: to the same page first, because two entries may export the same name. */
export function createLocate(page: string, { items }: Pick<PublicApi, 'items'>): Locate {
  return function locate(name) {
    const found = items.filter((item) => item.name === name)
    const item = found.find(({ entry }) => entry.page === page) ?? found[0]
    return item === undefined ? null : linkTo(item, page)
  }
}

/** @param page the page that has the link */
export function linkTo({ name, entry }: Pick<Item, 'name' | 'entry'>, page: string): string {
  return `${entry.page === page ? '' : entry.page}#${anchorOf(name)}`
}
