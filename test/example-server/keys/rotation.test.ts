import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { rotate, type KeptKey } from '../../../example-server/keys/rotation.ts'
import { epoch } from '../../fixtures/app.ts'

const { privateKey } = generateKeyPairSync('ed25519')

t.test('rotate() takes one step at a time, and waits until every service knows the next key', async (t) => {
  const key = 'unread'
  const at = (seconds: number) => new Date(epoch + seconds * 1000).toISOString()
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const list = (next: number, previous?: number): KeptKey[] => [
    ...(previous === undefined ? [] : [{ state: 'previous' as const, since: at(previous), key }]),
    { state: 'active', since: at(-1e6), key: pem },
    { state: 'next', since: at(next), key }
  ]
  const states = (keys: readonly KeptKey[] | null) => keys && keys.map(({ state }) => state).join(' ')
  const day = 86_400
  const rows: [string, KeptKey[], string | null][] = [
    ['next is new', list(0), null],
    ['next is ten minutes old, but for a second', list(-599), null],
    ['next is ten minutes old', list(-600), 'previous active next'],
    ['no next', list(0).slice(0, 1), 'active next'],
    ['previous is in use', list(0, -day - 599), null],
    ['previous is out of use', list(0, -day - 600), 'active next'],
    ['both', list(-600, -day - 600), 'previous active next'],
    ['previous is in use, next is ready', list(-600, -day), 'previous previous active next']
  ]
  for (const [what, keys, expected] of rows) t.equal(states(rotate(keys, epoch).keys), expected, what)
  const moved = rotate(list(-600), epoch).keys!
  t.match(moved[0]?.key, /^-----BEGIN PUBLIC KEY-----/, 'of a previous key only the public half is kept')
  t.strictSame(
    moved.map(({ since }) => since),
    [at(0), at(0), at(0)]
  )
})
