import { createHash } from 'node:crypto'
import { revokedUntil } from '../store.ts'

/** A Lua script, and the name under which Redis remembers it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** What follows the base `{prefix}` in the name of a key; a subject comes after the colon at the end, an id without one. */
export const keyNames = {
  /** Hash: one session, see `rows.ts`. With one character more, the usual name would take 40 bytes instead of 32. */
  session: ':s',
  /** Sorted set: the ids of a subject's live sessions, by idle expiry. */
  subject: ':u:',
  /** String: when all sessions of a subject were revoked last. */
  revokedAll: ':a:',
  /** Sorted set: the members of the feed, by number. */
  feed: ':f',
  /** Sorted set: the same members, by the time until which they matter. */
  feedUntil: ':fu',
  /** Hash: the same members, and the random mark of the call that added each. */
  feedMark: ':fm'
} as const

const revocationMarginMs = revokedUntil(0, { accessLifetimeSeconds: 0 }, 0)

/**
 * Every key is made from KEYS[1], which keeps a prefix that the client adds by itself (`keyPrefix` of ioredis). The
 * ones that are known before are declared besides. Unknown before, and therefore undeclared, but always in the same
 * slot: the index of the subject that a session named only by its id belongs to, and the sessions found in an index.
 */
export const prelude = `
local base = KEYS[1]
local feed, feedUntil, feedMark = base .. '${keyNames.feed}', base .. '${keyNames.feedUntil}', base .. '${keyNames.feedMark}'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- tostring() keeps 14 digits and may write 1.79e+12.
local function digits (number) return string.format('%.0f', number) end
local function sessionKey (id) return base .. '${keyNames.session}' .. id end
local function subjectKey (sub) return base .. '${keyNames.subject}' .. sub end
local function read (id)
  local flat, row = redis.call('HGETALL', sessionKey(id)), {}
  for index = 1, #flat, 2 do row[flat[index]] = flat[index + 1] end
  return flat, row
end
local function isLive (row) return row.g ~= nil and row.v == nil and now < tonumber(row.i) end
-- A subject's index goes with the last of its sessions.
local function expireIndex (index)
  local last = redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]
  if last then redis.call('PEXPIREAT', index, digits(tonumber(last))) end
end
-- Read before it is given its expiry, for that may have come already.
local function expireAt (id, sub, idle)
  local flat = read(id)
  redis.call('PEXPIREAT', sessionKey(id), idle)
  redis.call('ZADD', subjectKey(sub), idle, id)
  expireIndex(subjectKey(sub))
  return flat
end
local function slide (id, row, idleMs)
  local idle = digits(math.min(now + tonumber(idleMs), tonumber(row.a)))
  redis.call('HSET', sessionKey(id), 'i', idle)
  return expireAt(id, row.s, idle)
end`

/** Numbers follow one another and become visible in their order, for Redis runs one script at a time. */
export const feeding = `
local function put (member, untilMs, mark)
  local number = (tonumber(redis.call('ZRANGE', feed, -1, -1, 'WITHSCORES')[2]) or 0) + 1
  redis.call('ZADD', feed, digits(number), member)
  redis.call('ZADD', feedUntil, untilMs, member)
  redis.call('HSET', feedMark, member, mark)
end
-- Not every user may publish: then the readers' polling has to do.
local function wake (channel) redis.pcall('PUBLISH', channel, '') end
-- A new number in place of an earlier entry for the same session: readers that are past that one must see this one.
local function finish (id, row, lifetimeSeconds, mark)
  local untilMs = digits(now + math.max(tonumber(lifetimeSeconds), tonumber(row.t)) * 1000 + ${revocationMarginMs})
  redis.call('HSET', sessionKey(id), 'v', digits(now), 'u', untilMs)
  redis.call('PEXPIREAT', sessionKey(id), untilMs)
  redis.call('ZREM', subjectKey(row.s), id)
  put('s' .. id, untilMs, mark)
  return { id, row.s, untilMs }
end`

export function script (...parts: string[]): Script {
  const text = parts.join('\n')
  return Object.freeze({ text, sha1: createHash('sha1').update(text).digest('hex') })
}
