import { randomBytes } from 'node:crypto'
import { callTimeoutMs } from '../call-timeout.ts'
import { maxBatch, wholeMilliseconds } from '../session-store.ts'
import type { CompareAndSetResult, SessionStore, Subject } from '../session-store.ts'
import type { RedisClient } from './client.ts'
import { createDriver } from './driver.ts'
import type { Argument, Evaluate } from './driver.ts'
import { warnOfEviction } from './eviction.ts'
import { keyNames, ownerName } from './keys.ts'
import { createPush } from './push.ts'
import {
  cursorArguments,
  limitArgument,
  listArguments,
  subjectArguments,
  toMember,
  toPieces,
  toRevocation,
  toRevokeManyResult,
  toRevoked,
  toRow
} from './rows.ts'
import { createPrepare } from './schema.ts'
import { scripts } from './scripts.ts'
import type { Script } from './scripts/script.ts'

interface StoreParts {
  readonly prefix: string
  /** How long a call may take. */
  readonly timeoutMs?: number | undefined
  /** The pause before a refused password is tried again. */
  readonly passwordRetryMs?: number | undefined
  /** How many commands may wait for a response of Redis. */
  readonly maxUnanswered?: number | undefined
}

interface Call {
  readonly keys?: readonly string[]
  readonly args?: readonly Argument[]
}

/** The store behind `redisStore()`. Tests lower its limits. */
export function createRedisStore(
  client: RedisClient,
  { prefix, timeoutMs = callTimeoutMs, passwordRetryMs = 500, maxUnanswered }: StoreParts
): SessionStore {
  const base = `{${prefix}}:`
  const channel = base + keyNames.log
  const logKeys = [base + keyNames.log, base + keyNames.logUntil, base + keyNames.logNonce]
  const sessionKeyOf = (id: string) => base + keyNames.session + id
  const ownerKeys = ({ issuers, sub }: Subject) =>
    [...new Set(issuers)].flatMap((issuer) => {
      const owner = ownerName(issuer, sub)
      return [base + keyNames.index + owner, base + keyNames.counter + owner]
    })
  /** Differs when another entry gets the same number, after Redis lost writes. */
  const newNonce = () => randomBytes(9).toString('base64url')
  const driver = createDriver(client, { timeoutMs, maxUnanswered })
  const push = createPush(client, { driver, channel })
  const attempt = createPrepare(driver, { base, passwordRetryMs })
  const checkEviction = warnOfEviction(driver)
  let preparing: Promise<number> | undefined
  let isPrepared = false

  /** A call before `prepare()` prepares the store itself. The next call repeats a failed attempt. */
  async function prepare(): Promise<number> {
    preparing ??= attempt()
      .then((storeTime) => {
        isPrepared = true
        checkEviction()
        return storeTime
      })
      .finally(() => {
        preparing = undefined
      })
    return await preparing
  }

  /** Limits the time of one call, whatever it has to send. */
  async function withCallTimeout<T>(step: (evaluate: Evaluate) => Promise<T>): Promise<T> {
    return await driver.withCallTimeout(async (evaluate) => {
      if (!isPrepared) await prepare()
      return await step(evaluate)
    })
  }

  async function run(script: Script, { keys = [], args = [] }: Call = {}): Promise<unknown[]> {
    const command = { keys: [base, ...keys], args }
    return (await withCallTimeout(async (evaluate) => evaluate(script, command))) as unknown[]
  }

  /** Runs a script that may add to the log. */
  async function runRevoking(
    script: Script,
    { keys = [], args = [], lifetimeSeconds }: Call & { lifetimeSeconds: number }
  ) {
    const nonce = newNonce()
    const command = { keys: [...logKeys, ...keys], args: [nonce, channel, lifetimeSeconds, ...args] }
    return await push.run(nonce, () => run(script, command))
  }

  async function compareAndSet(
    script: Script,
    { id, args }: { id: string; args: readonly Argument[] }
  ): Promise<CompareAndSetResult> {
    const [now, flat, applied] = await run(script, { keys: [sessionKeyOf(id)], args: [id, ...args] })
    return { row: toRow(id, flat), storeTime: Number(now), applied: Number(applied) === 1 }
  }

  return {
    prepare: async () => ({ storeTime: await prepare() }),

    async insert(session, { issuers, revoke, revokeOthers = false, maxSessions, authenticatedAge, lifetimeSeconds }) {
      const { id, issuer, sub, idleMs, idleLimitMs, absoluteMs, accessLifetimeSeconds } = session
      const subject = { issuers, sub }
      const named = [...new Set(revoke)]
      const keys = [base, ...logKeys, sessionKeyOf(id), ...ownerKeys(subject), ...named.map(sessionKeyOf)]
      const nonce = newNonce()
      const insert = async (evaluate: Evaluate) => {
        // Redis knows when a script runs, not when it was sent: a revokeAll() may have run between the two.
        const [sentAt] =
          authenticatedAge === undefined ? [0] : ((await evaluate(scripts.time, { keys: [base] })) as [now: unknown])
        const authenticatedAt = authenticatedAge === undefined ? '' : Number(sentAt) - authenticatedAge()
        const args = [
          nonce,
          channel,
          lifetimeSeconds,
          id,
          issuer,
          ...subjectArguments(subject),
          authenticatedAt,
          ...listArguments(named),
          revokeOthers ? 1 : 0,
          limitArgument(maxSessions),
          idleMs,
          idleLimitMs ?? '',
          absoluteMs,
          accessLifetimeSeconds,
          ...listArguments(toPieces(session))
        ]
        return await evaluate(scripts.insert, { keys, args })
      }
      const reply = await push.run(nonce, () => withCallTimeout(insert))
      const [now, flat, revoked, others, evicted, more] = reply as [
        now: unknown,
        flat: unknown,
        revoked: unknown[],
        others: unknown[],
        evicted: unknown[],
        more: unknown
      ]
      const storeTime = Number(now)
      if (flat === undefined) return { row: null, storeTime }
      return {
        row: toRow(id, flat)!,
        storeTime,
        revoked: [...revoked, ...others].map(toRevoked),
        evicted: evicted.map(toRevoked),
        more: Number(more) === 1
      }
    },

    async find(id) {
      const [now, flat] = await run(scripts.find, { keys: [sessionKeyOf(id)], args: [id] })
      return { row: toRow(id, flat), storeTime: Number(now) }
    },

    rotate: async (id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) =>
      compareAndSet(scripts.rotate, { id, args: [from, to, minAgeMs, idleMs, accessLifetimeSeconds] }),

    countRetry: async (id, { generation, retries, keepRetries, idleMs, accessLifetimeSeconds }) => {
      const args = [generation, retries.join(), keepRetries.join(), idleMs, accessLifetimeSeconds]
      return await compareAndSet(scripts.countRetry, { id, args })
    },

    countRepeat: async (id, { generation, repeated, streak }) =>
      compareAndSet(scripts.countRepeat, { id, args: [generation, repeated, streak] }),

    async revoke(id, { sub, issuers, lifetimeSeconds }) {
      const allowed = (list: readonly string[] | undefined) => (list === undefined ? [-1] : listArguments(list))
      const [now, revoked] = await runRevoking(scripts.revoke, {
        keys: [sessionKeyOf(id)],
        args: [id, ...allowed(sub === undefined ? undefined : [sub]), ...allowed(issuers)],
        lifetimeSeconds
      })
      return { revoked: revoked === undefined ? null : toRevoked(revoked), storeTime: Number(now) }
    },

    async revokeAll(subject, { except, lifetimeSeconds }) {
      const args = [...subjectArguments(subject), ...listArguments(except === undefined ? [] : [except])]
      const keys = ownerKeys(subject)
      return toRevokeManyResult(await runRevoking(scripts.revokeAll, { keys, args, lifetimeSeconds }))
    },

    async trim(subject, { maxSessions, lifetimeSeconds }) {
      const args = [...subjectArguments(subject), limitArgument(maxSessions)]
      const keys = ownerKeys(subject)
      return toRevokeManyResult(await runRevoking(scripts.trim, { keys, args, lifetimeSeconds }))
    },

    async list(subject, { limit }) {
      const args = [...subjectArguments(subject), limitArgument(limit)]
      const reply = await run(scripts.list, { keys: ownerKeys(subject), args })
      const [now, found] = reply as [now: unknown, found: [id: unknown, flat: unknown][]]
      // Sessions that were started in the same millisecond stay in the order of their rotation.
      const rows = found
        .reverse()
        .map(([id, flat]) => toRow(String(id), flat)!)
        .sort((a, b) => a.createdAt - b.createdAt)
      return { rows, storeTime: Number(now) }
    },

    async appendRevocations(entries, { lifetimeSeconds }) {
      let storeTime = entries.length === 0 ? Number((await run(scripts.time))[0]) : 0
      for (let start = 0; start < entries.length; start += maxBatch) {
        const batch = entries.slice(start, start + maxBatch)
        const args = batch.flatMap((entry) => [toMember(entry), wholeMilliseconds(entry.until)])
        const [now] = await runRevoking(scripts.appendRevocations, { args, lifetimeSeconds })
        storeTime = Number(now)
      }
      return { storeTime }
    },

    async readRevocations(cursor, limit) {
      const args = [Math.min(limit, maxBatch), ...cursorArguments(cursor)]
      const [now, page, next, more, resumed] = await run(scripts.readRevocations, { keys: logKeys, args })
      return {
        entries: (page as unknown[]).map(toRevocation),
        cursor: String(next),
        more: Number(more) === 1,
        resumed: Number(resumed) === 1,
        storeTime: Number(now)
      }
    },

    subscribe: push.subscribe,

    /** Resolves to 0, because Redis removes sessions and subjects by itself and does not count them. */
    async sweep() {
      for (let expired = maxBatch; expired === maxBatch;) {
        const [, count] = await run(scripts.sweepLog, { keys: logKeys, args: [maxBatch] })
        expired = Number(count)
      }
      return 0
    },

    close: push.close
  }
}
