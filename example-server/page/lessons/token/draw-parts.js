import { element } from '../../element.js'
import { layOut, membersOf } from './json-text.js'
import { meaningOf } from './meanings.js'
import { segmentsOf } from './segments.js'

/** @typedef {import('./decode-token.js').DecodedToken} DecodedToken */
/** @typedef {import('./decode-token.js').JsonPart} JsonPart */
/** @typedef {'header' | 'payload' | 'signature'} PartName */

/** Which members a change concerns, by their names. */
/** @typedef {{ header: string[], payload: string[] }} Changes */

/**
 * Draws the text of a token in three colours. Each stretch is linked to the member that it encodes.
 * @param {DecodedToken} token
 * @param {Changes} changes
 */
export function drawTokenText({ header, payload, signature }, changes) {
  return [
    drawTextPart('header', drawSegments('header', { part: header, changed: changes.header })),
    '.',
    drawTextPart('payload', drawSegments('payload', { part: payload, changed: changes.payload })),
    '.',
    drawTextPart('signature', [signature.raw])
  ]
}

/**
 * @param {PartName} name
 * @param {(Node | string)[]} content
 */
function drawTextPart(name, content) {
  return element(
    'span',
    { class: `jwt-${name}`, role: 'group', tabindex: '0', 'aria-label': `${name} as text`, 'data-link': name },
    ...content
  )
}

/**
 * @param {'header' | 'payload'} name
 * @param {{ part: JsonPart, changed: string[] }} drawn
 */
function drawSegments(name, { part, changed }) {
  const members = membersOf(part.text)
  return segmentsOf(part).map(({ text, member }) =>
    member === null
      ? text
      : element(
          'span',
          { 'data-link': `${name}.${member}`, class: changed.includes(members[member]?.name ?? '') ? 'changed' : '' },
          text
        )
  )
}

/**
 * Draws the JSON of a part with its braces, one member a line, and what each means.
 * @param {'header' | 'payload'} name
 * @param {{ part: JsonPart, changed?: string[], isBrief?: boolean }} drawn `isBrief`: without the meanings
 */
export function drawJson(name, { part, changed = [], isBrief = false }) {
  const members = membersOf(part.text)
  const names = members.map((member) => member.name)
  const lines = members.map((member, index) => {
    const isChanged = changed.includes(member.name)
    return element(
      'div',
      { class: `member${isChanged ? ' changed' : ''}`, tabindex: '-1', 'data-link': `${name}.${index}` },
      element('code', {}, ...layOut(member.tokens).map(drawPiece), ...(index < members.length - 1 ? [','] : [])),
      ...(isChanged ? [' ', element('span', { class: 'mark' }, 'changed')] : []),
      ...(isBrief ? [] : [drawMeaning(name, { member: member.name, value: part.json[member.name], names })])
    )
  })
  return element(
    'div',
    { class: 'json', role: 'group', tabindex: '0', 'aria-label': `${name} as JSON`, 'data-link': name },
    element('code', {}, '{'),
    ...lines,
    element('code', {}, '}')
  )
}

/** @param {{ kind: string, text: string }} piece */
function drawPiece({ kind, text }) {
  return kind === 'space' || kind === 'punctuation' ? text : element('span', { class: `json-${kind}` }, text)
}

/**
 * @param {'header' | 'payload'} part
 * @param {{ member: string, value: unknown, names: string[] }} drawn
 */
function drawMeaning(part, { member, value, names }) {
  const count = names.filter((name) => name === member).length
  const meaning =
    count > 1
      ? `this name occurs ${count} times: two readers may see different values`
      : meaningOf(part, { name: member, value, now: Date.now() })
  return element('span', { class: 'meaning' }, meaning)
}
