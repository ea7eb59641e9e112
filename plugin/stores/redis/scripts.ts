import { feeding, keyNames, prelude, script } from './lua.ts'

/** How long the time of a `revokeAll()` is remembered for `authenticatedAt`. */
const dayMs = 86_400_000

export const scripts = {
  /** ARGV: mark, channel, lifetimeSeconds, id, sub, authenticatedAt, idleMs, absoluteMs, accessLifetimeSeconds, how many to end, their ids, pieces. */
  insert: script(prelude, feeding, `
    local mark, channel, lifetimeSeconds, id, sub, authenticatedAt, idleMs, absoluteMs, accessLifetimeSeconds, count = unpack(ARGV, 1, 10)
    local key, index = sessionKey(id), subjectKey(sub)
    if redis.call('EXISTS', key) == 1 then return redis.error_reply('ERR Cannot insert the session: its id exists') end
    local revokedAll = redis.call('GET', base .. '${keyNames.revokedAll}' .. sub)
    if revokedAll and authenticatedAt ~= '' and not (tonumber(revokedAll) <= tonumber(authenticatedAt)) then return { now } end
    local ended = {}
    local pieces = 11 + tonumber(count)
    for position = 11, pieces - 1 do
      local _, row = read(ARGV[position])
      if row.g and not row.v then ended[#ended + 1] = finish(ARGV[position], row, lifetimeSeconds, mark) end
    end
    if #ended > 0 then wake(channel) end
    redis.call('ZREMRANGEBYSCORE', index, '-inf', digits(now))
    local absolute = now + tonumber(absoluteMs)
    local idle = digits(math.min(now + tonumber(idleMs), absolute))
    redis.call('HSET', key, 's', sub, 'g', 0, 'c', digits(now), 'r', digits(now), 'i', idle, 'a', digits(absolute), 't', accessLifetimeSeconds)
    for position = pieces, #ARGV do redis.call('HSET', key, position - pieces, ARGV[position]) end
    return { now, expireAt(id, sub, idle), ended }`),

  /** ARGV: id. */
  find: script(prelude, `
    return { now, (read(ARGV[1])) }`),

  /** ARGV: id, from, to, minAgeMs, idleMs. The distance in time, not the difference: a clock that was set back must not stop refreshing. */
  rotate: script(prelude, `
    local id, from, to, minAgeMs, idleMs = unpack(ARGV)
    local flat, row = read(id)
    if not isLive(row) or tonumber(row.g) ~= tonumber(from) or math.abs(now - tonumber(row.r)) < tonumber(minAgeMs) then
      return { now, flat, 0 }
    end
    redis.call('HSET', sessionKey(id), 'g', to, 'r', digits(now))
    return { now, slide(id, row, idleMs), 1 }`),

  /** ARGV: id, generation, retries, keep, idleMs. */
  countRetry: script(prelude, `
    local id, generation, retries, keep, idleMs = unpack(ARGV)
    local flat, row = read(id)
    if not isLive(row) or tonumber(row.g) ~= tonumber(generation) or (row.y or '') ~= retries then return { now, flat, 0 } end
    redis.call('HSET', sessionKey(id), 'y', (keep == '' and '' or keep .. ',') .. digits(now))
    return { now, slide(id, row, idleMs), 1 }`),

  /** ARGV: mark, channel, lifetimeSeconds, id, and the subject that it must be of, if any. */
  revoke: script(prelude, feeding, `
    local mark, channel, lifetimeSeconds, id, sub = unpack(ARGV)
    local _, row = read(id)
    if not row.g or (sub and sub ~= row.s) then return {} end
    if row.v then return { { id, row.s, row.u } } end
    local ended = finish(id, row, lifetimeSeconds, mark)
    wake(channel)
    return { ended }`),

  /** ARGV: mark, channel, lifetimeSeconds, sub, and the id of the session to leave, if any. */
  revokeAll: script(prelude, feeding, `
    local mark, channel, lifetimeSeconds, sub, except = unpack(ARGV)
    local revokedAll, index, ended = base .. '${keyNames.revokedAll}' .. sub, subjectKey(sub), {}
    if not (tonumber(redis.call('GET', revokedAll) or -1) > now) then
      redis.call('SET', revokedAll, digits(now))
      redis.call('PEXPIREAT', revokedAll, digits(now + ${dayMs}))
    end
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', index, '(' .. digits(now), '+inf')) do
      local _, row = read(id)
      if id ~= except and isLive(row) then ended[#ended + 1] = finish(id, row, lifetimeSeconds, mark) end
    end
    if #ended > 0 then wake(channel) end
    return ended`),

  /** ARGV: sub. */
  list: script(prelude, `
    local index, rows = subjectKey(ARGV[1]), {}
    redis.call('ZREMRANGEBYSCORE', index, '-inf', digits(now))
    for _, id in ipairs(redis.call('ZRANGE', index, 0, -1)) do
      local flat, row = read(id)
      if isLive(row) then rows[#rows + 1] = { id, flat } else redis.call('ZREM', index, id) end
    end
    return rows`),

  /** ARGV: mark, channel, then member and until of each entry. */
  feed: script(prelude, feeding, `
    for position = 3, #ARGV, 2 do
      if not redis.call('ZSCORE', feed, ARGV[position]) then put(ARGV[position], ARGV[position + 1], ARGV[1]) end
    end
    wake(ARGV[2])`),

  /** ARGV: limit, and the number and mark of the cursor, if any. `0.` is the cursor of an empty feed: everything comes after it. */
  readFeed: script(prelude, `
    local limit, number, mark = tonumber(ARGV[1]), ARGV[2] or '0', ARGV[3] or ''
    local resumed = number == '0' and mark == ''
    if not resumed then
      local member = redis.call('ZRANGEBYSCORE', feed, number, number)[1]
      resumed = member and redis.call('HGET', feedMark, member) == mark
      if not resumed then number, mark = '0', '' end
    end
    local found, page = redis.call('ZRANGEBYSCORE', feed, '(' .. number, '+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1), {}
    for position = 1, math.min(#found, 2 * limit), 2 do
      number = found[position + 1]
      page[#page + 1] = { found[position], redis.call('ZSCORE', feedUntil, found[position]) }
    end
    if #page > 0 then mark = redis.call('HGET', feedMark, found[2 * #page - 1]) end
    return { now, page, digits(tonumber(number)) .. '.' .. mark, #found > 2 * limit and 1 or 0, resumed and 1 or 0 }`),

  /** ARGV: how many entries to look at. The newest stays, so that the cursor of a reader who has read all can be resumed. */
  trimFeed: script(prelude, `
    local newest = redis.call('ZRANGE', feed, -1, -1)[1]
    local gone = redis.call('ZRANGEBYSCORE', feedUntil, '-inf', digits(now), 'LIMIT', 0, ARGV[1])
    for _, member in ipairs(gone) do
      if member ~= newest then
        redis.call('ZREM', feed, member)
        redis.call('ZREM', feedUntil, member)
        redis.call('HDEL', feedMark, member)
      end
    end
    return #gone`),

  /** By INFO, for managed servers often forbid CONFIG. */
  evictionPolicy: script(`
    return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or ''`)
}
