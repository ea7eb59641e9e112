/**
 * A piece of a JSON text: a bracket, a comma, a string and so on.
 * @typedef {object} JsonToken
 * @property {'punctuation' | 'key' | 'string' | 'number' | 'literal'} kind
 * @property {string} text as it was written: `JSON.parse()` would round large numbers
 * @property {number} start
 */

/**
 * A member of the outermost object.
 * @typedef {object} JsonMember
 * @property {string} name
 * @property {number} start of the name
 * @property {number} end of the value
 * @property {JsonToken[]} tokens of the name, the colon and the value
 */

const token = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)|([a-z]+))/y

/**
 * Splits a text that `JSON.parse()` accepts.
 * @param {string} text
 */
function splitJson(text) {
  /** @type {JsonToken[]} */
  const tokens = []
  token.lastIndex = 0
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    const [, punctuation, string, number, literal] = found
    const written = punctuation ?? string ?? number ?? literal ?? ''
    const kind = punctuation ? 'punctuation' : string ? 'string' : number ? 'number' : 'literal'
    const start = token.lastIndex - written.length
    const before = tokens.at(-1)
    if (written === ':' && before) before.kind = 'key'
    tokens.push({ kind, text: written, start })
  }
  return tokens
}

/**
 * The members of the object that a JSON text contains, in their order, also those whose name occurs twice.
 * @param {string} text
 */
export function membersOf(text) {
  /** @type {JsonMember[]} */
  const members = []
  let depth = 0
  /** @type {JsonToken[]} */
  let tokens = []
  const finish = () => {
    const [first, last] = [tokens[0], tokens.at(-1)]
    if (first && last) {
      members.push({ name: JSON.parse(first.text), start: first.start, end: last.start + last.text.length, tokens })
    }
    tokens = []
  }
  for (const piece of splitJson(text)) {
    if (/^[}\]]$/.test(piece.text)) depth--
    if (depth === 0 || (depth === 1 && piece.text === ',')) finish()
    else tokens.push(piece)
    if (/^[{[]$/.test(piece.text)) depth++
  }
  return members
}

/**
 * How deep lists and objects are nested.
 * @param {string} text
 */
export function depthOf(text) {
  let [depth, deepest] = [0, 0]
  for (const { text: written } of splitJson(text)) {
    if (/^[{[]$/.test(written)) deepest = Math.max(deepest, ++depth)
    if (/^[}\]]$/.test(written)) depth--
  }
  return deepest
}

const longestLine = 60

/**
 * The tokens of a member with the spaces and line breaks that make it readable. Short lists and objects take one line.
 * @param {readonly JsonToken[]} tokens
 */
export function layOut(tokens) {
  const isShort = tokens.slice(2).reduce((length, { text }) => length + text.length, 0) <= longestLine
  /** @type {{ kind: JsonToken['kind'] | 'space', text: string }[]} */
  const laidOut = []
  let depth = 1
  tokens.forEach(({ kind, text }, index) => {
    const [opens, closes] = [/^[{[]$/.test(text), /^[}\]]$/.test(text)]
    const isEmpty = closes && /^[{[]$/.test(tokens[index - 1]?.text ?? '')
    if (closes) depth--
    if (closes && !isShort && !isEmpty) laidOut.push({ kind: 'space', text: lineBreak(depth) })
    laidOut.push({ kind, text })
    if (opens) depth++
    const staysEmpty = opens && /^[}\]]$/.test(tokens[index + 1]?.text ?? '')
    if (text === ':' || (text === ',' && isShort)) laidOut.push({ kind: 'space', text: ' ' })
    else if ((text === ',' || opens) && !isShort && !staysEmpty) {
      laidOut.push({ kind: 'space', text: lineBreak(depth) })
    }
  })
  return laidOut
}

/** @param {number} depth */
function lineBreak(depth) {
  return `\n${'  '.repeat(depth)}`
}
