import { maxBatch, revokeAllRememberedMs } from '../../session-store.ts'

/** Revokes all sessions of a subject, or those that exceed the maximum. Needs `indexing` and `logging`. */
export const revoking = `
-- Renames the index as a whole, so that revokeAll() costs the same however many sessions there are.
local function raiseCounter (owner)
  local oldExpiry = owner.oldIndex and lastExpiry(owner.oldIndex) or 0
  local untilMs = math.max(now + ${revokeAllRememberedMs}, lastExpiry(owner.index) or 0, oldExpiry)
  if redis.call('EXISTS', owner.index) == 1 then redis.call('RENAME', owner.index, behindKey(owner, owner.counter)) end
  owner.counter, owner.revokedAllAt = owner.counter + 1, now
  local counter, first = decimal(owner.counter), decimal(owner.firstUnlogged)
  redis.call('HSET', owner.key, 'k', counter, 't', decimal(now), 'f', first)
  keepCounterUntil(owner, untilMs)
end

-- Returns true when nothing of this index is left to log.
local function logIndex (index, owner, lifetimeSeconds, revoked)
  while #revoked < ${maxBatch} do
    local ids = liveIds(index, ${maxBatch} - #revoked)
    if #ids == 0 then break end
    for _, id in ipairs(ids) do
      local row = skimRow(id, owner)
      if row.g and not row.u then revoked[#revoked + 1] = revokeRow(row, lifetimeSeconds) end
    end
    redis.call('ZREM', index, unpack(ids))
  end
  if countLive(index) > 0 then return false end
  redis.call('UNLINK', index)
  return true
end

-- Logs the sessions behind the counters. Returns true when none is left.
local function logRowsBehind (owners, lifetimeSeconds, revoked)
  local isDone = true
  for _, owner in ipairs(owners) do
    local first = owner.firstUnlogged
    while owner.firstUnlogged < owner.counter do
      if not logIndex(behindKey(owner, owner.firstUnlogged), owner, lifetimeSeconds, revoked) then break end
      owner.firstUnlogged = owner.firstUnlogged + 1
    end
    if owner.firstUnlogged > first then redis.call('HSET', owner.key, 'f', decimal(owner.firstUnlogged)) end
    isDone = isDone and owner.firstUnlogged == owner.counter
    if owner.oldIndex and owner.counter > 0 then
      isDone = logIndex(owner.oldIndex, owner, lifetimeSeconds, revoked) and isDone
    end
  end
  return isDone
end

-- Includes all that were rotated in the last one's millisecond, because their rows say which of them is the oldest.
local function leastRecent (owner, limit)
  local found = redis.call('ZREVRANGEBYSCORE', owner.index, '(0', '-inf', 'WITHSCORES', 'LIMIT', 0, limit)
  if #found < 2 * limit then return found end
  local last = found[#found]
  local lowest = decimal(-math.floor(-last / 1000) * 1000 - 999)
  while #found > 0 and found[#found] == last do found[#found], found[#found - 1] = nil, nil end
  local most = limit + ${maxBatch}
  local ties = redis.call('ZREVRANGEBYSCORE', owner.index, last, lowest, 'WITHSCORES', 'LIMIT', 0, most)
  for _, value in ipairs(ties) do found[#found + 1] = value end
  return found
end

local function isLessRecent (a, b)
  if a.rotatedAt ~= b.rotatedAt then return a.rotatedAt < b.rotatedAt end
  if a.createdAt ~= b.createdAt then return a.createdAt < b.createdAt end
  return a.rotatedMicros < b.rotatedMicros
end

-- Revokes the least recently rotated sessions beyond the maximum. Returns true when none is left.
local function evict (owners, maxSessions, lifetimeSeconds, evicted, room)
  local excess = -maxSessions
  for _, owner in ipairs(owners) do
    excess = excess + countLive(owner.index)
    if owner.oldIndex and owner.counter == 0 then excess = excess + countLive(owner.oldIndex) end
  end
  local count = math.min(excess, room)
  if count <= 0 then return excess <= 0 end
  local candidates = {}
  for _, owner in ipairs(owners) do
    local found = leastRecent(owner, count)
    for position = 1, #found, 2 do
      local row = skimRow(string.sub(found[position], 1, -2), owner)
      if isLive(row) then
        row.rotatedAt, row.createdAt, row.rotatedMicros = tonumber(row.r), tonumber(row.c), -found[position + 1]
        candidates[#candidates + 1] = row
      end
    end
  end
  table.sort(candidates, isLessRecent)
  local removed = {}
  for position = 1, math.min(count, #candidates) do
    local row = candidates[position]
    evicted[position] = revokeRow(row, lifetimeSeconds)
    removed[row.owner.index] = removed[row.owner.index] or {}
    table.insert(removed[row.owner.index], row.id)
  end
  for index, ids in pairs(removed) do removeFromIndex(index, ids) end
  return excess <= #evicted
end`
