import { UnusableStoreError } from '../session-store.ts'
import { isAboutCredentials, toFailure } from './failures.ts'
import { credentialTries, wrongCredentials } from './driver.ts'
import type { Driver } from './driver.ts'
import { keyNames, prelude, script } from './lua.ts'

/**
 * 1: without a version, issuers and counters; its rows are read as they are, and its indexes are taken over when their
 * subjects are used. 2: see {@link keyNames}.
 */
const version = 2
/** The oldest version whose code may work on the data as this code leaves it. */
const usableFrom = 2

/** Tries every command that writes, so that a right that is missing stops the start and not a sign-in. */
const prepareScript = script(
  prelude,
  `
  local key, mine, minesUsableFrom = base .. '${keyNames.version}', takeNumber(), takeNumber()
  local known, knownUsableFrom = unpack(redis.call('HMGET', key, 'version', 'usableFrom'))
  if knownUsableFrom and tonumber(knownUsableFrom) > mine then return { now, known, knownUsableFrom } end
  if tonumber(known or 0) < mine then redis.call('HSET', key, 'version', mine, 'usableFrom', minesUsableFrom) end
  local probe = base .. '${keyNames.probe}'
  local renamed = probe .. '2'
  redis.call('UNLINK', probe, renamed)
  redis.call('HSET', probe, 'a', 1)
  redis.call('HGETALL', probe)
  redis.call('HGET', probe, 'a')
  redis.call('HDEL', probe, 'b')
  redis.call('EXISTS', probe)
  redis.call('PTTL', probe)
  redis.call('PEXPIREAT', probe, digits(now + 60000))
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
 * Connects and records the version, until Redis has let it: a call that comes before shares the attempt.
 * Refused passwords are tried again, {@link credentialTries} times in all.
 */
export function createPrepare({ evaluate, whyClosed }: Driver, { base, retryMs }: { base: string; retryMs: number }) {
  async function attempt(triesLeft: number): Promise<number> {
    const reason = whyClosed()
    if (reason !== undefined) throw new UnusableStoreError(reason)
    try {
      const [now, known, knownUsableFrom] = (await evaluate(prepareScript, {
        keys: [base],
        args: [version, usableFrom]
      })) as unknown[]
      if (known !== undefined) throw newer(base, Number(known), Number(knownUsableFrom))
      return Number(now)
    } catch (error) {
      if (!isAboutCredentials(error) || error instanceof UnusableStoreError) throw toFailure(error)
      if (triesLeft === 1) throw wrongCredentials(error)
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs))
    return await attempt(triesLeft - 1)
  }

  return async () => await attempt(credentialTries)
}

function newer(base: string, known: number, knownUsableFrom: number): UnusableStoreError {
  return new UnusableStoreError(
    `The data under ${base}* has schema version ${known} and can be used from version ${knownUsableFrom} on: ` +
      `this code has version ${version}. Install a later fastify-authenticate, or pass another "prefix"`
  )
}
