/**
 * The text with its last letter replaced by the next one of the alphabet.
 * @param {string} text
 */
export function changeOneLetter(text) {
  return text.replace(/[a-z](?=[^a-z]*$)/i, (letter) =>
    /z/i.test(letter) ? letter.replace('z', 'a').replace('Z', 'A') : String.fromCharCode(letter.charCodeAt(0) + 1)
  )
}

/**
 * The characters of a text, and which of them are not the same in another one.
 * @param {string} text
 * @param {string} other
 */
export function compareCharacters(text, other) {
  const pieces = [...text].map((character, index) => ({ character, differs: character !== other[index] }))
  return { pieces, count: pieces.filter(({ differs }) => differs).length }
}
