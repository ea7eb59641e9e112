import { keyNames } from './lua.ts'
import { maxBatch, revocationMarginMs } from '../session-store.ts'

/** Names of the revocation log's keys. Needs `prelude`. */
export const logKeys = `
local log, logUntil, logNonce = base .. '${keyNames.log}', base .. '${keyNames.logUntil}', base .. '${keyNames.logNonce}'`

/** Adds to the revocation log. Needs `logKeys`. */
export const logging = `
local untils, members, places = {}, {}, {}

-- Of two entries for one thing the later counts, and it has a new number for readers that are past the earlier one.
local function put (member, untilMs)
  untilMs = math.ceil(untilMs)
  local known = untils[member] or tonumber(redis.call('ZSCORE', logUntil, member) or nil)
  if known and known >= untilMs then return end
  if not untils[member] then
    members[#members + 1] = member
    if known then places[#places + 1] = { member = member, untilMs = known } end
  end
  untils[member] = untilMs
end

local function createBatch () return { numbers = {}, untils = {}, nonces = {} } end
local function addTo (batch, member, number, untilMs, nonce)
  local last = #batch.numbers
  batch.numbers[last + 1], batch.numbers[last + 2] = number, member
  batch.untils[last + 1], batch.untils[last + 2] = digits(untilMs), member
  batch.nonces[last + 1], batch.nonces[last + 2] = member, nonce
end
local function write (batch)
  if #batch.numbers == 0 then return end
  redis.call('ZADD', log, unpack(batch.numbers))
  redis.call('ZADD', logUntil, unpack(batch.untils))
  redis.call('HSET', logNonce, unpack(batch.nonces))
end

-- Something else takes the number that a raised entry had, for readers whose cursor names it.
local function keepPlaces ()
  local batch = createBatch()
  for _, place in ipairs(places) do
    local number, nonce = redis.call('ZSCORE', log, place.member), redis.call('HGET', logNonce, place.member)
    if number and nonce then addTo(batch, '-' .. number, number, place.untilMs, nonce) end
  end
  write(batch)
end

-- Numbers follow one another and become visible in their order, because Redis runs one script at a time.
local function writeLog (nonce, channel)
  if #members == 0 then return end
  keepPlaces()
  local number = tonumber(redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')[2] or 0)
  local batch = createBatch()
  for position, member in ipairs(members) do
    addTo(batch, member, digits(number + position), untils[member], nonce)
    if position % ${maxBatch} == 0 then
      write(batch)
      batch = createBatch()
    end
  end
  write(batch)
  -- Not every user may publish: then the readers' polling has to do.
  redis.pcall('PUBLISH', channel, '')
end

-- A revoked session stays for as long as its access tokens, so that a retry is answered alike.
local function finish (row, lifetimeSeconds, atLeast)
  local untilMs = math.max(math.max(now, tonumber(row.r)) + math.max(lifetimeSeconds, tonumber(row.t)) * 1000 + ${revocationMarginMs}, atLeast or 0)
  redis.call('HSET', sessionKey(row.id), 'v', row.v or digits(now), 'u', digits(untilMs))
  redis.call('PEXPIREAT', sessionKey(row.id), digits(untilMs))
  put('s' .. row.id, untilMs)
  return { row.id, row.s, digits(untilMs) }
end`
