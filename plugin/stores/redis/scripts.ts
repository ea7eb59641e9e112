import { maxBatch } from '../session-store.ts'
import { prelude, script } from './lua.ts'
import { logging, logKeys } from './log-lua.ts'
import { ending, indexing } from './owner-lua.ts'

/** Nonce and channel come first wherever the log may grow. */
const revoking = [
  prelude,
  logKeys,
  logging,
  indexing,
  ending,
  `
  local nonce, channel, lifetimeSeconds = take(), take(), takeNumber()`
]

/** After the change, before the row gets its expiry: that may have come already. */
const sliding = `
local function slide (row, idleMs, accessLifetimeSeconds, rotatedMicros)
  local idle = digits(math.min(now + idleMs, tonumber(row.a)))
  redis.call('HSET', sessionKey(row.id), 'i', idle, 't', digits(math.max(tonumber(row.t), accessLifetimeSeconds)))
  local flat = redis.call('HGETALL', sessionKey(row.id))
  redis.call('PEXPIREAT', sessionKey(row.id), idle)
  enter(row, idle, rotatedMicros)
  return { now, flat, 1 }
end`

/** The arguments are taken in the order in which they are named, lists with their length before them. */
export const scripts = {
  time: script(
    prelude,
    `
    return { now }`
  ),

  insert: script(
    ...revoking,
    `
    local id, issuer, owners, authenticatedAt = take(), take(), takeOwners(), take()
    local named, revokesOthers, maxSessions = takeList(), take() == '1', takeNumber()
    local idleMs, absoluteMs, accessLifetimeSeconds, pieces = takeNumber(), takeNumber(), take(), takeList()
    local key, sub = sessionKey(id), owners[1].sub
    if redis.call('EXISTS', key) == 1 then return redis.error_reply('ERR Cannot insert the session: its id exists') end
    refresh(owners)
    if authenticatedAt ~= '' then
      local at, isRefused = tonumber(authenticatedAt), false
      if not at or at ~= at then return { now } end
      for _, owner in ipairs(owners) do
        if owner.revokedAllAt >= at then
          isRefused = true
          if owner.revokedAllAt > now then redis.call('HSET', owner.key, 't', digits(now)) end
        end
      end
      if isRefused then return { now } end
    end
    local revoked, others, evicted = {}, {}, {}
    for _, name in ipairs(named) do
      local row = skim(name)
      if row.g and not row.u then
        revoked[#revoked + 1] = finish(row, lifetimeSeconds)
        leave(row)
      end
    end
    local isDone = true
    if revokesOthers then
      for _, owner in ipairs(owners) do raise(owner) end
      isDone = logBehind(owners, lifetimeSeconds, others)
    end
    isDone = evict(owners, maxSessions - 1, lifetimeSeconds, evicted, ${maxBatch} - #others) and isDone
    local absolute = now + absoluteMs
    local idle = digits(math.min(now + idleMs, absolute))
    local row = { id = id, owner = ownerOf(issuer, sub), k = '' }
    redis.call('HSET', key, 's', sub, 'g', 0, 'c', digits(now), 'r', digits(now), 'i', idle, 'a', digits(absolute), 't', accessLifetimeSeconds)
    if issuer ~= '' then redis.call('HSET', key, 'o', issuer) end
    if row.owner.counter > 0 then redis.call('HSET', key, 'k', digits(row.owner.counter)) end
    for position, piece in ipairs(pieces) do redis.call('HSET', key, position - 1, piece) end
    local flat = redis.call('HGETALL', key)
    redis.call('PEXPIREAT', key, idle)
    enter(row, idle, micros)
    writeLog(nonce, channel)
    return { now, flat, revoked, others, evicted, isDone and 0 or 1 }`
  ),

  find: script(
    prelude,
    `
    local _, flat = read(take())
    return { now, flat }`
  ),

  /** The distance in time, not the difference: a clock that was set back must not stop refreshing. */
  rotate: script(
    prelude,
    indexing,
    sliding,
    `
    local id, from, to, minAgeMs, idleMs, accessLifetimeSeconds = take(), takeNumber(), take(), takeNumber(), takeNumber(), takeNumber()
    local row, flat = read(id)
    if not isLive(row) or tonumber(row.g) ~= from or math.abs(now - tonumber(row.r)) < minAgeMs then return { now, flat, 0 } end
    redis.call('HSET', sessionKey(id), 'g', to, 'r', digits(now))
    return slide(row, idleMs, accessLifetimeSeconds, micros)`
  ),

  countRetry: script(
    prelude,
    indexing,
    sliding,
    `
    local id, generation, retries, keepRetries, idleMs, accessLifetimeSeconds = take(), takeNumber(), take(), take(), takeNumber(), takeNumber()
    local row, flat = read(id)
    if not isLive(row) or tonumber(row.g) ~= generation or (row.y or '') ~= retries then return { now, flat, 0 } end
    redis.call('HSET', sessionKey(id), 'y', (keepRetries == '' and '' or keepRetries .. ',') .. digits(now))
    return slide(row, idleMs, accessLifetimeSeconds)`
  ),

  countRepeat: script(
    prelude,
    `
    local id, generation, repeated, streak = take(), takeNumber(), takeNumber(), take()
    local row, flat = read(id)
    if not isLive(row) or tonumber(row.g) ~= generation or tonumber(row.n or -1) >= repeated then return { now, flat, 0 } end
    redis.call('HSET', sessionKey(id), 'n', digits(repeated), 'q', streak)
    return { now, redis.call('HGETALL', sessionKey(id)), 1 }`
  ),

  /** The subject and the issuers are lists of those that will do; an absent list is `-1`. */
  revoke: script(
    ...revoking,
    `
    local function takeCheck ()
      local count = takeNumber()
      if count < 0 then return function () return true end end
      local allowed = {}
      for _ = 1, count do allowed[take()] = true end
      return function (text) return allowed[text] == true end
    end
    local id, isSub, isIssuer = take(), takeCheck(), takeCheck()
    local row = skim(id)
    if not row.g or not isSub(row.s) or not isIssuer(row.o or '') then return { now } end
    if row.u then return { now, { id, row.s, row.u } } end
    local revoked = finish(row, lifetimeSeconds)
    leave(row)
    writeLog(nonce, channel)
    return { now, revoked }`
  ),

  /** Only a session that was alive before is spared: one behind an earlier call stays revoked. */
  revokeAll: script(
    ...revoking,
    `
    local owners, except = takeOwners(), takeList()[1]
    refresh(owners)
    local spared = except and skim(except) or {}
    local isSpared = isLive(spared)
    for _, owner in ipairs(owners) do
      raise(owner)
      if isSpared and spared.owner.name == owner.name then
        leave(spared)
        removeAll(behindKey(owner, owner.counter - 1), { except })
        spared.owner, spared.k = owner, digits(owner.counter)
        redis.call('HSET', sessionKey(except), 'k', spared.k)
        enter(spared, spared.i, spared.r * 1000)
      end
    end
    local revoked = {}
    local isDone = logBehind(owners, lifetimeSeconds, revoked)
    writeLog(nonce, channel)
    return { now, revoked, isDone and 0 or 1 }`
  ),

  trim: script(
    ...revoking,
    `
    local owners, maxSessions, revoked, evicted = takeOwners(), takeNumber(), {}, {}
    refresh(owners)
    local isDone = logBehind(owners, lifetimeSeconds, revoked)
    isDone = evict(owners, maxSessions, lifetimeSeconds, evicted, ${maxBatch} - #revoked) and isDone
    writeLog(nonce, channel)
    for _, one in ipairs(evicted) do revoked[#revoked + 1] = one end
    return { now, revoked, isDone and 0 or 1 }`
  ),

  /** The most recently rotated first. */
  list: script(
    prelude,
    indexing,
    `
    local owners, limit, found, rows = takeOwners(), takeNumber(), {}, {}
    refresh(owners)
    for _, owner in ipairs(owners) do
      local members = redis.call('ZRANGEBYSCORE', owner.index, '-inf', '(0', 'WITHSCORES', 'LIMIT', 0, limit)
      for position = 1, #members, 2 do
        found[#found + 1] = { id = string.sub(members[position], 1, -2), rotatedMicros = -members[position + 1], owner = owner }
      end
    end
    if #owners > 1 then table.sort(found, function (a, b) return a.rotatedMicros > b.rotatedMicros end) end
    for position = 1, math.min(limit, #found) do
      local row, flat = read(found[position].id, found[position].owner)
      if isLive(row) then rows[#rows + 1] = { row.id, flat } end
    end
    return { now, rows }`
  ),

  /** Pairs of member and until. */
  appendRevocations: script(
    ...revoking,
    `
    while taken < #ARGV do
      local member, untilMs = take(), takeNumber()
      local row = string.sub(member, 1, 1) == 's' and skim(string.sub(member, 2)) or {}
      if row.g and not row.u then
        finish(row, lifetimeSeconds, untilMs)
        leave(row)
      else
        put(member, untilMs)
      end
    end
    writeLog(nonce, channel)
    return { now }`
  ),

  /** The number and nonce of the cursor are empty at the start. `0.` is the cursor of an empty log: everything is after it. */
  readRevocations: script(
    prelude,
    logKeys,
    `
    local limit, number, nonce = takeNumber(), take(), take()
    local resumed = number == '0' and nonce == ''
    if not resumed then
      local member = redis.call('ZRANGEBYSCORE', log, number, number)[1]
      resumed = member and redis.call('HGET', logNonce, member) == nonce
      if not resumed then number, nonce = '0', '' end
    end
    local found, page = redis.call('ZRANGEBYSCORE', log, '(' .. number, '+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1), {}
    for position = 1, math.min(#found, 2 * limit), 2 do
      local member = found[position]
      if string.sub(member, 1, 1) ~= '-' then page[#page + 1] = { member, redis.call('ZSCORE', logUntil, member) } end
    end
    local last = math.min(#found / 2, limit)
    if last > 0 then number, nonce = found[2 * last], redis.call('HGET', logNonce, found[2 * last - 1]) end
    return { now, page, digits(tonumber(number)) .. '.' .. nonce, #found > 2 * limit and 1 or 0, resumed and 1 or 0 }`
  ),

  /** The newest stays, so that the cursor of a reader who has read all can be resumed. */
  sweepLog: script(
    prelude,
    logKeys,
    `
    local newest = redis.call('ZRANGE', log, -1, -1)[1]
    local expired, gone = redis.call('ZRANGEBYSCORE', logUntil, '-inf', digits(now), 'LIMIT', 0, takeNumber()), {}
    for _, member in ipairs(expired) do if member ~= newest then gone[#gone + 1] = member end end
    if #gone > 0 then
      redis.call('ZREM', log, unpack(gone))
      redis.call('ZREM', logUntil, unpack(gone))
      redis.call('HDEL', logNonce, unpack(gone))
    end
    return { now, #expired }`
  )
}
