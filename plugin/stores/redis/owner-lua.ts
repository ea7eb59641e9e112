import { keyNames } from './lua.ts'
import { maxBatch } from '../session-store.ts'

/** How long the time of a `revokeAll()` is remembered for `authenticatedAge`. */
const dayMs = 86_400_000
/** By how much the counter outlives the rows that carry it, so that it is not extended at every rotation. */
const slackMs = 600_000

/** What a subject under one issuer has: the index of its live sessions. Needs `prelude`. */
export const indexing = `
local function behindKey (owner, counter) return base .. '${keyNames.behind}' .. digits(counter) .. '/' .. owner.name end
local function rotationOf (id) return id .. '\\0' end

-- Without it, the counter would start anew and call live what is not, or revoked what is live.
local function outlive (owner, untilMs)
  if redis.call('PTTL', owner.key) < untilMs - now + 1000 then
    redis.call('PEXPIREAT', owner.key, digits(untilMs + ${slackMs}))
  end
end

local function lastExpiry (index) return tonumber(redis.call('ZRANGE', index, -1, -1, 'WITHSCORES')[2]) end
-- An index goes with the last of its sessions.
local function expireIndex (index)
  local last = lastExpiry(index)
  if last then redis.call('PEXPIREAT', index, digits(last)) end
end

-- To the microsecond, so that of one millisecond the order is kept. Without a time, only the expiry changes.
local function enter (row, idle, rotatedMicros)
  local owner = row.owner
  redis.call('ZADD', owner.index, idle, row.id)
  if rotatedMicros then
    redis.call('ZADD', owner.index, digits(-rotatedMicros), rotationOf(row.id))
  else
    redis.call('ZADD', owner.index, 'NX', digits(-row.r * 1000), rotationOf(row.id))
  end
  expireIndex(owner.index)
  if owner.oldIndex and not row.k then redis.call('ZREM', owner.oldIndex, row.id) end
  if owner.counter > 0 then outlive(owner, tonumber(idle)) end
end

local function removeAll (index, ids)
  local members = {}
  for position, id in ipairs(ids) do members[2 * position - 1], members[2 * position] = id, rotationOf(id) end
  redis.call('ZREM', index, unpack(members))
end

local function leave (row)
  local owner = row.owner
  removeAll(owner.index, { row.id })
  if row.isBehind then removeAll(behindKey(owner, tonumber(row.k or 0)), { row.id }) end
  if owner.oldIndex then redis.call('ZREM', owner.oldIndex, row.id) end
end

local function idsAlive (index, limit) return redis.call('ZRANGEBYSCORE', index, '(' .. digits(now), '+inf', 'LIMIT', 0, limit) end
local function countAlive (index) return redis.call('ZCOUNT', index, '(' .. digits(now), '+inf') end

-- Redis removes expired sessions by itself, but not from the index.
local function purge (owner)
  for _ = 1, 5 do
    local gone = redis.call('ZRANGEBYSCORE', owner.index, '(0', digits(now), 'LIMIT', 0, ${maxBatch})
    if #gone == 0 then return end
    removeAll(owner.index, gone)
  end
end

-- Takes over what version 1 of the schema left, as long as its sessions are not behind: a batch each time.
local function adopt (owner)
  if not owner.oldIndex then return end
  local oldRevokedAll = base .. '${keyNames.oldRevokedAll}' .. owner.sub
  local at = tonumber(redis.call('GET', oldRevokedAll) or nil)
  if at then
    owner.revokedAllAt = math.max(owner.revokedAllAt, at)
    redis.call('HSET', owner.key, 't', digits(owner.revokedAllAt))
    outlive(owner, now + ${dayMs})
    redis.call('DEL', oldRevokedAll)
  end
  if owner.counter > 0 then return end
  local ids = idsAlive(owner.oldIndex, ${maxBatch})
  if #ids == 0 then return redis.call('UNLINK', owner.oldIndex) end
  local entries = {}
  for _, id in ipairs(ids) do
    local rotated, idle, revoked = unpack(redis.call('HMGET', sessionKey(id), 'r', 'i', 'v'))
    if rotated and not revoked then
      local last = #entries
      entries[last + 1], entries[last + 2], entries[last + 3], entries[last + 4] = idle, id, digits(-rotated * 1000), rotationOf(id)
    end
  end
  if #entries > 0 then redis.call('ZADD', owner.index, unpack(entries)) end
  redis.call('ZREM', owner.oldIndex, unpack(ids))
  expireIndex(owner.index)
end

local function refresh (owners)
  for _, owner in ipairs(owners) do
    adopt(owner)
    purge(owner)
  end
end`

/** How the sessions of a subject end, all together or those that are too many. Needs `indexing` and `logging`. */
export const ending = `
-- The index is put aside as it is: revokeAll() takes effect however many sessions there are.
local function raise (owner)
  local untilMs = math.max(now + ${dayMs}, lastExpiry(owner.index) or 0, owner.oldIndex and lastExpiry(owner.oldIndex) or 0)
  if redis.call('EXISTS', owner.index) == 1 then redis.call('RENAME', owner.index, behindKey(owner, owner.counter)) end
  owner.counter, owner.revokedAllAt = owner.counter + 1, now
  redis.call('HSET', owner.key, 'k', digits(owner.counter), 't', digits(now), 'f', digits(owner.first))
  outlive(owner, untilMs)
end

-- True when nothing of this index is left to log.
local function logFrom (index, owner, lifetimeSeconds, revoked)
  while #revoked < ${maxBatch} do
    local ids = idsAlive(index, ${maxBatch} - #revoked)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      local row = skim(id, owner)
      if row.g and not row.u then revoked[#revoked + 1] = finish(row, lifetimeSeconds) end
    end
    redis.call('ZREM', index, unpack(ids))
  end
  if countAlive(index) > 0 then return false end
  redis.call('UNLINK', index)
  return true
end

-- Logs what is behind the counters; true when nothing of it is left.
local function logBehind (owners, lifetimeSeconds, revoked)
  local isDone = true
  for _, owner in ipairs(owners) do
    local first = owner.first
    while owner.first < owner.counter and logFrom(behindKey(owner, owner.first), owner, lifetimeSeconds, revoked) do
      owner.first = owner.first + 1
    end
    if owner.first > first then redis.call('HSET', owner.key, 'f', digits(owner.first)) end
    isDone = isDone and owner.first == owner.counter
    if owner.oldIndex and owner.counter > 0 then isDone = logFrom(owner.oldIndex, owner, lifetimeSeconds, revoked) and isDone end
  end
  return isDone
end

-- With all that were rotated in the last one's millisecond: which of them are the oldest is in their rows.
local function leastRecent (owner, limit)
  local found = redis.call('ZREVRANGEBYSCORE', owner.index, '(0', '-inf', 'WITHSCORES', 'LIMIT', 0, limit)
  if #found < 2 * limit then return found end
  local last = found[#found]
  local lastMs = math.floor(-last / 1000)
  while #found > 0 and found[#found] == last do found[#found], found[#found - 1] = nil, nil end
  local ties = redis.call('ZREVRANGEBYSCORE', owner.index, last, digits(-lastMs * 1000 - 999), 'WITHSCORES', 'LIMIT', 0, limit + ${maxBatch})
  for _, value in ipairs(ties) do found[#found + 1] = value end
  return found
end

local function isLessRecent (a, b)
  if a.rotatedAt ~= b.rotatedAt then return a.rotatedAt < b.rotatedAt end
  if a.createdAt ~= b.createdAt then return a.createdAt < b.createdAt end
  return a.rotatedMicros < b.rotatedMicros
end

-- Returns true when all that are too many are gone.
local function evict (owners, maxSessions, lifetimeSeconds, evicted, room)
  local excess = -maxSessions
  for _, owner in ipairs(owners) do
    excess = excess + countAlive(owner.index)
    if owner.oldIndex and owner.counter == 0 then excess = excess + countAlive(owner.oldIndex) end
  end
  local count = math.min(excess, room)
  if count <= 0 then return excess <= 0 end
  local candidates = {}
  for _, owner in ipairs(owners) do
    local found = leastRecent(owner, count)
    for position = 1, #found, 2 do
      local row = skim(string.sub(found[position], 1, -2), owner)
      if isLive(row) then
        row.rotatedAt, row.createdAt, row.rotatedMicros = tonumber(row.r), tonumber(row.c), -found[position + 1]
        candidates[#candidates + 1] = row
      end
    end
  end
  table.sort(candidates, isLessRecent)
  local gone = {}
  for position = 1, math.min(count, #candidates) do
    local row = candidates[position]
    evicted[position] = finish(row, lifetimeSeconds)
    gone[row.owner.index] = gone[row.owner.index] or {}
    table.insert(gone[row.owner.index], row.id)
  end
  for index, ids in pairs(gone) do removeAll(index, ids) end
  return excess <= #evicted
end`
