import t from 'tap'
import { readPushedEntries } from '../../../plugin/stores/push/message.ts'

const entry = ['s', 'session', '1790000000000']
const message = (entries: unknown, call?: unknown) => JSON.stringify({ call, entries })
/** A message of so many characters. */
const messageOf = (length: number) => {
  const shortest = message([['s', '', '1']]).length
  return message([['s', 'a'.repeat(length - shortest), '1']])
}

t.test('readPushedEntries() reads the entries of sessions and tokens', async (t) => {
  t.strictSame(readPushedEntries(message([entry, ['t', 'https://issuer.example j', '9007199254740991']], 'name')), {
    call: 'name',
    entries: [
      { kind: 'session', id: 'session', until: 1790000000000 },
      { kind: 'token', id: 'https://issuer.example j', until: 9007199254740991 }
    ]
  })
  t.equal(readPushedEntries(message([entry]))?.call, undefined)
  t.equal(readPushedEntries(message(Array(1000).fill(entry)))?.entries.length, 1000)
  t.equal(readPushedEntries(messageOf(1_000_000))?.entries.length, 1)
})

t.test('readPushedEntries() returns null for anything else, and never throws', async (t) => {
  const wrong: Record<string, string> = {
    'the message of an older version': '',
    'no JSON': 'heartbea',
    'half a message': message([entry]).slice(0, -1),
    'a number': '7',
    'a text': '"entries"',
    null: 'null',
    'an array': '[]',
    'no entries': '{}',
    'an empty list': message([]),
    'entries that are no list': message('s'),
    'an entry that is not a list': message([{ 0: 's', 1: 'a', 2: '1', length: 3 }]),
    'one wrong entry among good ones': message([entry, ['s', 'a']]),
    'an entry with a fourth member': message([[...entry, '']]),
    'a kind that does not exist': message([['x', 'a', '1']]),
    'a kind from the prototype': message([['constructor', 'a', '1']]),
    'a kind that is not text': message([[['s'], 'a', '1']]),
    'an id that is not text': message([['s', 1, '1']]),
    'an empty id': message([['s', '', '1']]),
    'a time that is not text': message([['s', 'a', 1790000000000]]),
    'a time that is no number': message([['s', 'a', '1e400']]),
    'a time without digits': message([['s', 'a', '']]),
    'a negative time': message([['s', 'a', '-1']]),
    'a call that is not text': message([entry], 1),
    'more entries than a read returns': message(Array(1001).fill(entry)),
    'a message of more than a million characters': messageOf(1_000_001),
    'a deeply nested message': '['.repeat(400_000)
  }
  for (const [what, text] of Object.entries(wrong)) t.equal(readPushedEntries(text), null, what)
})
