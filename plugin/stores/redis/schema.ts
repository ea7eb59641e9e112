import { UnusableStoreError } from '../session-store.ts'
import type { Driver } from './driver.ts'
import { credentialTries, isAboutCredentials, setUpError, wrongCredentials } from './errors.ts'
import { keyNames } from './keys.ts'
import { prelude } from './scripts/prelude.ts'
import { script } from './scripts/script.ts'

/**
 * Version 1 stored no version, issuers or counters. Its rows can be read as they are; the index of a subject is
 * migrated when the subject is used. Version 2 has the layout of {@link keyNames}. Version 3 adds `idleLimitMs` and
 * `details` to a session: code of version 2 ignores both, and its sign-ins cannot set them either.
 */
const version = 3
/** The oldest version of the code that may use the data that this code writes. */
const usableFrom = 2

/** Tries all commands of the store, so that a missing permission shows at the start and not at a sign-in. */
const prepareScript = script(
  prelude,
  `
  local key, version, usableFrom = base .. '${keyNames.version}', nextNumber(), nextNumber()
  local storedVersion, storedUsableFrom = unpack(redis.call('HMGET', key, 'version', 'usableFrom'))
  if storedUsableFrom and tonumber(storedUsableFrom) > version then
    return { now, storedVersion, storedUsableFrom }
  end
  if tonumber(storedVersion or 0) < version then
    redis.call('HSET', key, 'version', version, 'usableFrom', usableFrom)
  end
  local probe = base .. '${keyNames.probe}'
  local renamed = probe .. '2'
  redis.call('UNLINK', probe, renamed)
  redis.call('HSET', probe, 'a', 1)
  redis.call('HGETALL', probe)
  redis.call('HGET', probe, 'a')
  redis.call('HDEL', probe, 'b')
  redis.call('EXISTS', probe)
  redis.call('PTTL', probe)
  redis.call('PEXPIREAT', probe, decimal(now + 60000))
  redis.call('RENAME', probe, renamed)
  redis.call('ZADD', probe, 1, 'a')
  redis.call('ZSCORE', probe, 'a')
  redis.call('ZCOUNT', probe, 0, 1)
  redis.call('ZRANGE', probe, 0, 0)
  redis.call('ZRANGEBYSCORE', probe, 0, 1)
  redis.call('ZREVRANGEBYSCORE', probe, 1, 0)
  redis.call('ZREM', probe, 'a')
  redis.call('GET', probe)
  redis.call('DEL', renamed)
  return { now }`
)

/**
 * Connects, and records the version until Redis has accepted it: calls that come before share the attempt. Tries
 * refused passwords {@link credentialTries} times.
 */
export function createPrepare(
  { evaluate, whyClosed }: Driver,
  { base, passwordRetryMs }: { base: string; passwordRetryMs: number }
) {
  async function attempt(triesLeft: number): Promise<number> {
    const reason = whyClosed()
    if (reason !== undefined) throw new UnusableStoreError(reason)
    try {
      const reply = await evaluate(prepareScript, { keys: [base], args: [version, usableFrom] })
      const [now, storedVersion, storedUsableFrom] = reply as unknown[]
      if (storedVersion !== undefined) throw newerSchemaError(base, [storedVersion, storedUsableFrom].map(Number))
      return Number(now)
    } catch (error) {
      if (!isAboutCredentials(error) || error instanceof UnusableStoreError) throw setUpError(error)
      if (triesLeft === 1) throw wrongCredentials(error)
    }
    await new Promise((resolve) => setTimeout(resolve, passwordRetryMs))
    return await attempt(triesLeft - 1)
  }

  return async () => await attempt(credentialTries)
}

function newerSchemaError(base: string, [stored, usable]: readonly number[]): UnusableStoreError {
  return new UnusableStoreError(
    `The data under ${base}* has schema version ${stored} and can be used from version ${usable} on: ` +
      `this code has version ${version}. Install a later fastify-authenticate, or pass another "prefix"`
  )
}
