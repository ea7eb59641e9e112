import { maxBatch, revokeAllRememberedMs } from '../../session-store.ts'
import { keyNames } from '../keys.ts'

/** A counter outlives the rows that carry it by this long, so that not every rotation has to extend it. */
const counterSlackMs = 600_000

/** Keeps the index of an owner's live sessions. Needs `prelude`. */
export const indexing = `
local function behindKey (owner, counter)
  return base .. '${keyNames.behind}' .. decimal(counter) .. '/' .. owner.name
end
local function rotationMember (id) return id .. '\\0' end

-- If the counter expired before its rows, it would start again, and revoked sessions would be live, or the reverse.
local function keepCounterUntil (owner, untilMs)
  if redis.call('PTTL', owner.key) < untilMs - now + 1000 then
    redis.call('PEXPIREAT', owner.key, decimal(untilMs + ${counterSlackMs}))
  end
end

local function lastExpiry (index) return tonumber(redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]) end
-- An index expires with the last of its sessions.
local function expireIndex (index)
  local last = lastExpiry(index)
  if last then redis.call('PEXPIREAT', index, decimal(last)) end
end

-- In microseconds, which keep the order within one millisecond. Without a time, only the expiry changes.
local function indexRow (row, idle, rotatedMicros)
  local owner = row.owner
  redis.call('ZADD', owner.index, idle, row.id)
  if rotatedMicros then
    redis.call('ZADD', owner.index, decimal(-rotatedMicros), rotationMember(row.id))
  else
    redis.call('ZADD', owner.index, 'NX', decimal(-row.r * 1000), rotationMember(row.id))
  end
  expireIndex(owner.index)
  if owner.oldIndex and not row.k then redis.call('ZREM', owner.oldIndex, row.id) end
  if owner.counter > 0 then keepCounterUntil(owner, tonumber(idle)) end
end

local function removeFromIndex (index, ids)
  local members = {}
  for position, id in ipairs(ids) do members[2 * position - 1], members[2 * position] = id, rotationMember(id) end
  redis.call('ZREM', index, unpack(members))
end

local function unindexRow (row)
  local owner = row.owner
  removeFromIndex(owner.index, { row.id })
  if row.isBehind then removeFromIndex(behindKey(owner, tonumber(row.k or 0)), { row.id }) end
  if owner.oldIndex then redis.call('ZREM', owner.oldIndex, row.id) end
end

local function liveIds (index, limit)
  return redis.call('ZRANGEBYSCORE', index, '(' .. decimal(now), '+inf', 'LIMIT', 0, limit)
end
local function countLive (index) return redis.call('ZCOUNT', index, '(' .. decimal(now), '+inf') end

-- Redis removes expired sessions by itself, but does not remove them from the index.
local function dropExpired (owner)
  for _ = 1, 5 do
    local expired = redis.call('ZRANGEBYSCORE', owner.index, '(0', decimal(now), 'LIMIT', 0, ${maxBatch})
    if #expired == 0 then return end
    removeFromIndex(owner.index, expired)
  end
end

-- Moves a batch of what version 1 of the schema left to the index, unless those sessions are behind the counter.
local function migrateOldIndex (owner)
  if not owner.oldIndex then return end
  local oldRevokedAll = base .. '${keyNames.oldRevokedAll}' .. owner.sub
  local at = tonumber(redis.call('GET', oldRevokedAll) or nil)
  if at then
    owner.revokedAllAt = math.max(owner.revokedAllAt, at)
    redis.call('HSET', owner.key, 't', decimal(owner.revokedAllAt))
    keepCounterUntil(owner, now + ${revokeAllRememberedMs})
    redis.call('DEL', oldRevokedAll)
  end
  if owner.counter > 0 then return end
  local ids = liveIds(owner.oldIndex, ${maxBatch})
  if #ids == 0 then return redis.call('UNLINK', owner.oldIndex) end
  local entries = {}
  for _, id in ipairs(ids) do
    local rotated, idle, revoked = unpack(redis.call('HMGET', sessionKey(id), 'r', 'i', 'v'))
    if rotated and not revoked then
      local last = #entries
      entries[last + 1], entries[last + 2] = idle, id
      entries[last + 3], entries[last + 4] = decimal(-rotated * 1000), rotationMember(id)
    end
  end
  if #entries > 0 then redis.call('ZADD', owner.index, unpack(entries)) end
  redis.call('ZREM', owner.oldIndex, unpack(ids))
  expireIndex(owner.index)
end

local function refreshIndexes (owners)
  for _, owner in ipairs(owners) do
    migrateOldIndex(owner)
    dropExpired(owner)
  end
end`
