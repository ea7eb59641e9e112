import t from 'tap'
import { isAboutCredentials, setUpError, wrongCredentials } from '../../../plugin/stores/redis/errors.ts'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'

t.test('wrongCredentials() quotes the refusal of Redis, also if the call timed out meanwhile', async (t) => {
  const refusal = new Error('WRONGPASS invalid username-password pair or user is disabled.')
  const timeout = new Error(`Redis did not respond within 1800 ms: ${refusal.message}`, { cause: refusal })
  for (const error of [refusal, timeout]) {
    t.ok(isAboutCredentials(error))
    t.equal(wrongCredentials(error).message, `Redis refused the client's password 3 times: ${refusal.message}`)
  }
})

t.test('setUpError() returns an UnusableStoreError only if waiting cannot help', async (t) => {
  for (const message of [
    'MOVED 1 127.0.0.1:6379',
    "NOPERM this user has no permissions to run the 'zadd' command",
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    "ERR unknown command 'UNLINK'"
  ]) {
    const error = setUpError(new Error(message))
    t.ok(error instanceof UnusableStoreError, message)
    t.match(error, { message: new RegExp(` Redis: ${message.slice(0, 10)}`) })
  }
  for (const message of ['LOADING Redis is loading the dataset in memory', 'READONLY', 'OOM', 'connect ENOENT']) {
    const error = new Error(message)
    t.equal(setUpError(error), error, message)
    t.notOk(isAboutCredentials(error))
  }
})
