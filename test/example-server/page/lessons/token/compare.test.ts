import t from 'tap'
import { changeOneLetter, compareCharacters } from '../../../../../example-server/page/lessons/token/compare.js'

t.test('changeOneLetter() changes one letter, and nothing else', async (t) => {
  for (const [text, changed] of [
    ['{"sub":"alice","roles":["reader"]}', '{"sub":"alice","roles":["reades"]}'],
    ['abZ1', 'abA1'],
    ['z', 'a'],
    ['123 – ä', '123 – ä'],
    ['', '']
  ]) {
    t.equal(changeOneLetter(text!), changed)
  }
})

t.test('compareCharacters() marks and counts what differs', async (t) => {
  t.strictSame(
    compareCharacters('abc', 'abd').pieces.map(({ differs }) => differs),
    [false, false, true]
  )
  t.equal(compareCharacters('abc', 'xyz').count, 3)
  t.equal(compareCharacters('abc', 'abc').count, 0)
})
