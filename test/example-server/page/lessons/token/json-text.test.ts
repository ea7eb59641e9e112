import t from 'tap'
import { depthOf, layOut, membersOf } from '../../../../../example-server/page/lessons/token/json-text.js'

const laidOut = (text: string) =>
  membersOf(text).map(({ tokens }) =>
    layOut(tokens)
      .map(({ text }) => text)
      .join('')
  )

t.test('membersOf() finds each member and where it is, also those whose name occurs twice', async (t) => {
  const text = ' { "sub" : "a,\\"}{" ,"n":12345678901234567890, "o":{"a":[1,{}]},"l":[ ],"sub":null}\n'
  const members = membersOf(text)
  t.strictSame(
    members.map(({ name, start, end }) => [name, text.slice(start, end)]),
    [
      ['sub', '"sub" : "a,\\"}{"'],
      ['n', '"n":12345678901234567890'],
      ['o', '"o":{"a":[1,{}]}'],
      ['l', '"l":[ ]'],
      ['sub', '"sub":null']
    ]
  )
  t.strictSame(
    members[2]!.tokens.map(({ kind, text }) => `${kind} ${text}`),
    [
      'key "o"',
      'punctuation :',
      'punctuation {',
      'key "a"',
      'punctuation :',
      'punctuation [',
      'number 1',
      'punctuation ,',
      'punctuation {',
      'punctuation }',
      'punctuation ]',
      'punctuation }'
    ]
  )
  t.strictSame(membersOf('{}'), [])
  t.equal(membersOf('{"a\\u0062":-1.5e+7}')[0]!.name, 'ab')
  t.strictSame(laidOut('{"a":true,"b":-1.5e+7}'), ['"a": true', '"b": -1.5e+7'])
})

t.test('layOut() writes short values in one line, and long ones as JSON.stringify() does', async (t) => {
  t.strictSame(laidOut('{"roles":["admin","user"],"o":{"a":1},"e":[]}'), [
    '"roles": ["admin", "user"]',
    '"o": {"a": 1}',
    '"e": []'
  ])
  const long = { list: Array.from({ length: 20 }, (_, id) => ({ id, tags: ['x'], none: {}, empty: [] })) }
  t.equal(`{\n  ${laidOut(JSON.stringify(long))[0]}\n}`, JSON.stringify(long, null, 2))
})

t.test('depthOf() counts how deep lists and objects are nested', async (t) => {
  for (const [text, depth] of [
    ['{}', 1],
    ['{"a":[{}],"b":"[[[["}', 3],
    [`${'['.repeat(30_000)}${']'.repeat(30_000)}`, 30_000]
  ] as const) {
    t.equal(depthOf(text), depth)
  }
})
