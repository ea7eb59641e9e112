import { maxBatch } from '../../session-store.ts'
import { prelude } from './prelude.ts'
import { logging, logKeys } from './revocation-log.ts'
import { revoking } from './revoking.ts'
import { script } from './script.ts'
import { indexing } from './session-index.ts'

/** Needs `indexing`. Reads the row before it gets its expiry, which may have passed already. */
const sliding = `
local function slideExpiry (row, idleMs, accessLifetimeSeconds, rotatedMicros)
  local idle = decimal(math.min(now + idleMs, now + tonumber(row.l or idleMs), tonumber(row.a)))
  redis.call('HSET', sessionKey(row.id), 'i', idle, 't', decimal(math.max(tonumber(row.t), accessLifetimeSeconds)))
  local flat = redis.call('HGETALL', sessionKey(row.id))
  redis.call('PEXPIREAT', sessionKey(row.id), idle)
  indexRow(row, idle, rotatedMicros)
  return { now, flat, 1 }
end`

export const sessionScripts = {
  /** Returns the time only if the insert is refused. */
  insert: script(
    prelude,
    logKeys,
    logging,
    indexing,
    revoking,
    `
    local nonce, channel, lifetimeSeconds = nextArg(), nextArg(), nextNumber()
    local id, issuer, owners, authenticatedAt = nextArg(), nextArg(), nextOwners(), nextArg()
    local named, revokesOthers, maxSessions = nextList(), nextArg() == '1', nextNumber()
    local idleMs, idleLimitMs, absoluteMs = nextNumber(), nextArg(), nextNumber()
    local accessLifetimeSeconds, pieces = nextArg(), nextList()
    local key, sub = sessionKey(id), owners[1].sub
    if redis.call('EXISTS', key) == 1 then
      return redis.error_reply('ERR Cannot insert the session: its id exists')
    end
    refreshIndexes(owners)
    if authenticatedAt ~= '' then
      local at, isRefused = tonumber(authenticatedAt), false
      if not at or at ~= at then return { now } end
      for _, owner in ipairs(owners) do
        if owner.revokedAllAt >= at then
          isRefused = true
          if owner.revokedAllAt > now then redis.call('HSET', owner.key, 't', decimal(now)) end
        end
      end
      if isRefused then return { now } end
    end
    local revoked, others, evicted = {}, {}, {}
    for _, name in ipairs(named) do
      local row = skimRow(name)
      if row.g and not row.u then
        revoked[#revoked + 1] = revokeRow(row, lifetimeSeconds)
        unindexRow(row)
      end
    end
    local isDone = true
    if revokesOthers then
      for _, owner in ipairs(owners) do raiseCounter(owner) end
      isDone = logRowsBehind(owners, lifetimeSeconds, others)
    end
    isDone = evict(owners, maxSessions - 1, lifetimeSeconds, evicted, ${maxBatch} - #others) and isDone
    local absolute = now + absoluteMs
    local idle = decimal(math.min(now + idleMs, now + (tonumber(idleLimitMs) or idleMs), absolute))
    local row = { id = id, owner = loadOwner(issuer, sub), k = '' }
    redis.call('HSET', key, 's', sub, 'g', 0, 'c', decimal(now), 'r', decimal(now))
    redis.call('HSET', key, 'i', idle, 'a', decimal(absolute), 't', accessLifetimeSeconds)
    if idleLimitMs ~= '' then redis.call('HSET', key, 'l', idleLimitMs) end
    if issuer ~= '' then redis.call('HSET', key, 'o', issuer) end
    if row.owner.counter > 0 then redis.call('HSET', key, 'k', decimal(row.owner.counter)) end
    for position, piece in ipairs(pieces) do redis.call('HSET', key, position - 1, piece) end
    local flat = redis.call('HGETALL', key)
    redis.call('PEXPIREAT', key, idle)
    indexRow(row, idle, micros)
    flushRevocations(nonce, channel)
    return { now, flat, revoked, others, evicted, isDone and 0 or 1 }`
  ),

  find: script(
    prelude,
    `
    local _, flat = readRow(nextArg())
    return { now, flat }`
  ),

  /** Compares the absolute difference in time, so that a clock that was set back does not stop refreshing. */
  rotate: script(
    prelude,
    indexing,
    sliding,
    `
    local id, from, to, minAgeMs = nextArg(), nextNumber(), nextArg(), nextNumber()
    local idleMs, accessLifetimeSeconds = nextNumber(), nextNumber()
    local row, flat = readRow(id)
    if not isLive(row) or tonumber(row.g) ~= from or math.abs(now - tonumber(row.r)) < minAgeMs then
      return { now, flat, 0 }
    end
    redis.call('HSET', sessionKey(id), 'g', to, 'r', decimal(now))
    return slideExpiry(row, idleMs, accessLifetimeSeconds, micros)`
  ),

  countRetry: script(
    prelude,
    indexing,
    sliding,
    `
    local id, generation, retries, keepRetries = nextArg(), nextNumber(), nextArg(), nextArg()
    local idleMs, accessLifetimeSeconds = nextNumber(), nextNumber()
    local row, flat = readRow(id)
    if not isLive(row) or tonumber(row.g) ~= generation or (row.y or '') ~= retries then return { now, flat, 0 } end
    redis.call('HSET', sessionKey(id), 'y', (keepRetries == '' and '' or keepRetries .. ',') .. decimal(now))
    return slideExpiry(row, idleMs, accessLifetimeSeconds)`
  ),

  countRepeat: script(
    prelude,
    `
    local id, generation, repeated, streak = nextArg(), nextNumber(), nextNumber(), nextArg()
    local row, flat = readRow(id)
    if not isLive(row) or tonumber(row.g) ~= generation or tonumber(row.n or -1) >= repeated then
      return { now, flat, 0 }
    end
    redis.call('HSET', sessionKey(id), 'n', decimal(repeated), 'q', streak)
    return { now, redis.call('HGETALL', sessionKey(id)), 1 }`
  ),

  /** The most recently rotated first. */
  list: script(
    prelude,
    indexing,
    `
    local owners, limit, found, rows = nextOwners(), nextNumber(), {}, {}
    refreshIndexes(owners)
    for _, owner in ipairs(owners) do
      local members = redis.call('ZRANGEBYSCORE', owner.index, '-inf', '(0', 'WITHSCORES', 'LIMIT', 0, limit)
      for position = 1, #members, 2 do
        local id, rotatedMicros = string.sub(members[position], 1, -2), -members[position + 1]
        found[#found + 1] = { id = id, rotatedMicros = rotatedMicros, owner = owner }
      end
    end
    if #owners > 1 then table.sort(found, function (a, b) return a.rotatedMicros > b.rotatedMicros end) end
    for position = 1, math.min(limit, #found) do
      local row, flat = readRow(found[position].id, found[position].owner)
      if isLive(row) then rows[#rows + 1] = { row.id, flat } end
    end
    return { now, rows }`
  )
}
