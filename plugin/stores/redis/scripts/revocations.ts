import { maxBatch } from '../../session-store.ts'
import { prelude } from './prelude.ts'
import { logging, logKeys } from './revocation-log.ts'
import { revoking } from './revoking.ts'
import { script } from './script.ts'
import { indexing } from './session-index.ts'

/** What every script that may add to the log begins with. */
const changing = [
  prelude,
  logKeys,
  logging,
  indexing,
  revoking,
  `
  local nonce, channel, lifetimeSeconds = nextArg(), nextArg(), nextNumber()`
]

export const revocationScripts = {
  /** Takes lists of the allowed subjects and issuers; -1 in place of a list allows all. */
  revoke: script(
    ...changing,
    `
    local function nextCondition ()
      local count = nextNumber()
      if count < 0 then return function () return true end end
      local allowed = {}
      for _ = 1, count do allowed[nextArg()] = true end
      return function (text) return allowed[text] == true end
    end
    local id, isSub, isIssuer = nextArg(), nextCondition(), nextCondition()
    local row = skimRow(id)
    if not row.g or not isSub(row.s) or not isIssuer(row.o or '') then return { now } end
    if row.u then return { now, { id, row.s, row.u } } end
    local revoked = revokeRow(row, lifetimeSeconds)
    unindexRow(row)
    flushRevocations(nonce, channel)
    return { now, revoked }`
  ),

  /** Spares a session only if it was live: one that an earlier call has revoked stays revoked. */
  revokeAll: script(
    ...changing,
    `
    local owners, except = nextOwners(), nextList()[1]
    refreshIndexes(owners)
    local spared = except and skimRow(except) or {}
    local isSpared = isLive(spared)
    for _, owner in ipairs(owners) do
      raiseCounter(owner)
      if isSpared and spared.owner.name == owner.name then
        unindexRow(spared)
        removeFromIndex(behindKey(owner, owner.counter - 1), { except })
        spared.owner, spared.k = owner, decimal(owner.counter)
        redis.call('HSET', sessionKey(except), 'k', spared.k)
        indexRow(spared, spared.i, spared.r * 1000)
      end
    end
    local revoked = {}
    local isDone = logRowsBehind(owners, lifetimeSeconds, revoked)
    flushRevocations(nonce, channel)
    return { now, revoked, isDone and 0 or 1 }`
  ),

  trim: script(
    ...changing,
    `
    local owners, maxSessions, revoked, evicted = nextOwners(), nextNumber(), {}, {}
    refreshIndexes(owners)
    local isDone = logRowsBehind(owners, lifetimeSeconds, revoked)
    isDone = evict(owners, maxSessions, lifetimeSeconds, evicted, ${maxBatch} - #revoked) and isDone
    flushRevocations(nonce, channel)
    for _, session in ipairs(evicted) do revoked[#revoked + 1] = session end
    return { now, revoked, isDone and 0 or 1 }`
  ),

  /** Takes pairs of a member and its time. */
  appendRevocations: script(
    ...changing,
    `
    while argCount < #ARGV do
      local member, untilMs = nextArg(), nextNumber()
      local row = string.sub(member, 1, 1) == 's' and skimRow(string.sub(member, 2)) or {}
      if row.g and not row.u then
        revokeRow(row, lifetimeSeconds, untilMs)
        unindexRow(row)
      else
        addRevocation(member, untilMs)
      end
    end
    flushRevocations(nonce, channel)
    return { now }`
  ),

  /** Takes the number and the nonce of the cursor; number 0 is the beginning. */
  readRevocations: script(
    prelude,
    logKeys,
    `
    local limit, number, nonce = nextNumber(), nextArg(), nextArg()
    local resumed = number == '0'
    if not resumed then
      local member = redis.call('ZRANGEBYSCORE', log, number, number)[1]
      resumed = member and redis.call('HGET', logNonce, member) == nonce
      if not resumed then number, nonce = '0', '' end
    end
    local found = redis.call('ZRANGEBYSCORE', log, '(' .. number, '+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
    local page = {}
    for position = 1, math.min(#found, 2 * limit), 2 do
      local member = found[position]
      if string.sub(member, 1, 1) ~= '-' then page[#page + 1] = { member, redis.call('ZSCORE', logUntil, member) } end
    end
    local last = math.min(#found / 2, limit)
    if last > 0 then number, nonce = found[2 * last], redis.call('HGET', logNonce, found[2 * last - 1]) end
    local cursor = decimal(tonumber(number)) .. '.' .. nonce
    return { now, page, cursor, #found > 2 * limit and 1 or 0, resumed and 1 or 0 }`
  ),

  /** Keeps the newest entry, so that a reader who has read everything can resume. */
  sweepLog: script(
    prelude,
    logKeys,
    `
    local newest = redis.call('ZRANGE', log, -1, -1)[1]
    local expired = redis.call('ZRANGEBYSCORE', logUntil, '-inf', decimal(now), 'LIMIT', 0, nextNumber())
    local removed = {}
    for _, member in ipairs(expired) do if member ~= newest then removed[#removed + 1] = member end end
    if #removed > 0 then
      redis.call('ZREM', log, unpack(removed))
      redis.call('ZREM', logUntil, unpack(removed))
      redis.call('HDEL', logNonce, unpack(removed))
    end
    return { now, #expired }`
  )
}
