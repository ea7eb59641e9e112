import { maxBatch, revocationMarginMs } from '../../session-store.ts'
import { keyNames } from '../keys.ts'

/** The names of the revocation log's keys. Needs `prelude`. */
export const logKeys = `
local log, logUntil = base .. '${keyNames.log}', base .. '${keyNames.logUntil}'
local logNonce = base .. '${keyNames.logNonce}'`

/** Adds to the revocation log. Needs `logKeys`. */
export const logging = `
local untils, members, raised = {}, {}, {}

-- Keeps the later time of two entries for one thing. A raised entry gets a new number, for readers that have passed it.
local function addRevocation (member, untilMs)
  untilMs = math.ceil(untilMs)
  local known = untils[member] or tonumber(redis.call('ZSCORE', logUntil, member) or nil)
  if known and known >= untilMs then return end
  if not untils[member] then
    members[#members + 1] = member
    if known then raised[#raised + 1] = { member = member, untilMs = known } end
  end
  untils[member] = untilMs
end

local function newBatch () return { numbers = {}, untils = {}, nonces = {} } end
local function addToBatch (batch, member, number, untilMs, nonce)
  local last = #batch.numbers
  batch.numbers[last + 1], batch.numbers[last + 2] = number, member
  batch.untils[last + 1], batch.untils[last + 2] = decimal(untilMs), member
  batch.nonces[last + 1], batch.nonces[last + 2] = member, nonce
end
local function writeBatch (batch)
  if #batch.numbers == 0 then return end
  redis.call('ZADD', log, unpack(batch.numbers))
  redis.call('ZADD', logUntil, unpack(batch.untils))
  redis.call('HSET', logNonce, unpack(batch.nonces))
end

-- A placeholder takes the old number of a raised entry, for readers whose cursor names that number.
local function keepRaisedNumbers ()
  local batch = newBatch()
  for _, entry in ipairs(raised) do
    local number, nonce = redis.call('ZSCORE', log, entry.member), redis.call('HGET', logNonce, entry.member)
    if number and nonce then addToBatch(batch, '-' .. number, number, entry.untilMs, nonce) end
  end
  writeBatch(batch)
end

-- As push/message.ts reads it: what followers record before they read the log.
local function pushedEntries (call)
  if #members > ${maxBatch} then return '' end
  local entries = {}
  for position, member in ipairs(members) do
    entries[position] = { string.sub(member, 1, 1), string.sub(member, 2), decimal(untils[member]) }
  end
  return cjson.encode({ call = call, entries = entries })
end

-- Entries become visible in the order of their numbers, because Redis runs one script at a time.
local function flushRevocations (nonce, channel)
  if #members == 0 then return end
  keepRaisedNumbers()
  local number = tonumber(redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')[2] or 0)
  local batch = newBatch()
  for position, member in ipairs(members) do
    addToBatch(batch, member, decimal(number + position), untils[member], nonce)
    if position % ${maxBatch} == 0 then
      writeBatch(batch)
      batch = newBatch()
    end
  end
  writeBatch(batch)
  -- Not every user may publish. Readers of the log poll in that case.
  redis.pcall('PUBLISH', channel, pushedEntries(nonce))
end

-- The row stays as long as its access tokens live, so that a repeated call gets the same result.
local function revokeRow (row, lifetimeSeconds, atLeast)
  local lifetimeMs = math.max(lifetimeSeconds, tonumber(row.t)) * 1000
  local untilMs = math.max(math.max(now, tonumber(row.r)) + lifetimeMs + ${revocationMarginMs}, atLeast or 0)
  redis.call('HSET', sessionKey(row.id), 'v', row.v or decimal(now), 'u', decimal(untilMs))
  redis.call('PEXPIREAT', sessionKey(row.id), decimal(untilMs))
  addRevocation('s' .. row.id, untilMs)
  return { row.id, row.s, decimal(untilMs) }
end`
