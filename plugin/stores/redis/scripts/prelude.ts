import { keyNames } from '../keys.ts'

/**
 * Every script begins with this. All keys are made from KEYS[1], so that a prefix that the client adds by itself
 * (`keyPrefix` of ioredis) is kept. Keys that are known before the call are declared too. The others are always in the
 * same slot: the keys of a session's owner if the call has only the session's id, and the sessions in an index.
 */
export const prelude = `
local base = KEYS[1]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)

-- tostring() keeps 14 digits and may write 1.79e+12.
local function decimal (number) return string.format('%.0f', number) end

-- The arguments, in the order in which each script names them. A list comes after its length.
local argCount = 0
local function nextArg () argCount = argCount + 1; return ARGV[argCount] end
local function nextNumber () return tonumber(nextArg()) end
local function nextList ()
  local list = {}
  for position = 1, nextNumber() do list[position] = nextArg() end
  return list
end

local function sessionKey (id) return base .. '${keyNames.session}' .. id end
local function loadOwner (issuer, sub)
  local name = (issuer == '' and '' or #issuer .. ':' .. issuer) .. ':' .. sub
  local key = base .. '${keyNames.counter}' .. name
  local stored = redis.call('HMGET', key, 'k', 't', 'f')
  return {
    name = name, sub = sub, key = key, index = base .. '${keyNames.index}' .. name,
    oldIndex = issuer == '' and base .. '${keyNames.oldIndex}' .. sub,
    counter = tonumber(stored[1] or 0),
    revokedAllAt = stored[2] and tonumber(stored[2]) or -math.huge,
    firstUnlogged = tonumber(stored[3] or 0)
  }
end
local function nextOwners ()
  local sub, owners = nextArg(), {}
  for position, issuer in ipairs(nextList()) do owners[position] = loadOwner(issuer, sub) end
  return owners
end

-- A row behind its owner's counter was revoked by revokeAll(). It has the field "u" once it is in the log.
local function applyCounter (row, owner)
  row.owner = owner or loadOwner(row.o or '', row.s)
  row.isBehind = not row.u and tonumber(row.k or 0) < row.owner.counter
  if row.isBehind then row.v = decimal(row.owner.revokedAllAt) end
  return row
end
-- Returns the row, and its fields as the caller of the script gets them.
local function readRow (id, owner)
  local flat, row = redis.call('HGETALL', sessionKey(id)), { id = id }
  for position = 1, #flat, 2 do row[flat[position]] = flat[position + 1] end
  if row.g and applyCounter(row, owner).isBehind then flat[#flat + 1], flat[#flat + 2] = 'v', row.v end
  return row, flat
end
-- Takes half the time of readRow(), for rows that are not returned.
local function skimRow (id, owner)
  local g, s, o, k, c, r, i, t, v, u =
    unpack(redis.call('HMGET', sessionKey(id), 'g', 's', 'o', 'k', 'c', 'r', 'i', 't', 'v', 'u'))
  local row = {
    id = id, g = g or nil, s = s, o = o or nil, k = k or nil, c = c, r = r, i = i, t = t, v = v or nil, u = u or nil
  }
  return g and applyCounter(row, owner) or row
end
local function isLive (row) return row.g ~= nil and row.v == nil and now < tonumber(row.i) end`
