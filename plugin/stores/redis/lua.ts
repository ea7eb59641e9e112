import { createHash } from 'node:crypto'

/** A Lua script, and the name under which Redis remembers it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

export function script(...parts: string[]): Script {
  const text = parts.join('\n')
  return Object.freeze({ text, sha1: createHash('sha1').update(text).digest('hex') })
}

/**
 * What follows the base `{prefix}:` in the name of a key. *Owner* is a subject under one issuer: `<length of the
 * issuer>:<issuer>:<sub>`, or `:<sub>` for the empty issuer, so that no two pairs have one name. No key begins as
 * another kind of key does.
 */
export const keyNames = {
  /** Hash, with an id: one session, see `rows.ts`. With one character more, the usual name takes 40 bytes, not 32. */
  session: 's',
  /** Sorted set, with an owner: its live sessions. Each id by idle expiry, and id + NUL by the negative time of its rotation. */
  index: 'x',
  /** Hash, with an owner: `k` counter, `t` time of the last revokeAll(), `f` the first counter that is not yet logged. */
  counter: 'k',
  /** Sorted set, with a counter, a slash and an owner: an index that revokeAll() has put aside to be logged. */
  behind: 'b',
  /**
   * Sorted set: members of the revocation log, by number: `s<session id>`, `t<iss> <jti>`, or `-<number>` in the place
   * of one that was raised.
   */
  log: 'f',
  /** Sorted set: the same members, by the time until which they matter. */
  logUntil: 'fu',
  /** Hash: the same members, and the nonce of the call that added each. */
  logNonce: 'fm',
  /** Hash: the version of all this, see `schema.ts`. */
  version: 'version',
  /** Never kept: what `prepare()` tries its rights on. */
  probe: 'probe',
  /** Version 1. Sorted set, with a subject: the ids of its live sessions by idle expiry, whatever their issuer. */
  oldIndex: 'u:',
  /** Version 1. String, with a subject: the time of the last revokeAll(). */
  oldRevokedAll: 'a:'
} as const

/**
 * Every key is made from KEYS[1], which keeps a prefix that the client adds by itself (`keyPrefix` of ioredis). The
 * ones that are known before are declared besides. Unknown before, and therefore undeclared, but always in the same
 * slot: the owner's keys of a session that is named only by its id, and the sessions that an index names.
 */
export const prelude = `
local base = KEYS[1]
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)

-- tostring() keeps 14 digits and may write 1.79e+12.
local function digits (number) return string.format('%.0f', number) end

local taken = 0
local function take () taken = taken + 1; return ARGV[taken] end
local function takeNumber () return tonumber(take()) end
local function takeList ()
  local list = {}
  for position = 1, takeNumber() do list[position] = take() end
  return list
end

local function sessionKey (id) return base .. '${keyNames.session}' .. id end
local function ownerOf (issuer, sub)
  local name = (issuer == '' and '' or #issuer .. ':' .. issuer) .. ':' .. sub
  local key = base .. '${keyNames.counter}' .. name
  local kept = redis.call('HMGET', key, 'k', 't', 'f')
  return {
    name = name, sub = sub, key = key, index = base .. '${keyNames.index}' .. name,
    oldIndex = issuer == '' and base .. '${keyNames.oldIndex}' .. sub,
    counter = tonumber(kept[1] or 0), revokedAllAt = kept[2] and tonumber(kept[2]) or -math.huge, first = tonumber(kept[3] or 0)
  }
end
local function takeOwners ()
  local sub, owners = take(), {}
  for position, issuer in ipairs(takeList()) do owners[position] = ownerOf(issuer, sub) end
  return owners
end

-- What revokeAll() revoked is revoked, logged or not: "u" is there once it is logged.
local function settle (row, owner)
  row.owner = owner or ownerOf(row.o or '', row.s)
  row.isBehind = not row.u and tonumber(row.k or 0) < row.owner.counter
  if row.isBehind then row.v = digits(row.owner.revokedAllAt) end
  return row
end
local function read (id, owner)
  local flat, row = redis.call('HGETALL', sessionKey(id)), { id = id }
  for position = 1, #flat, 2 do row[flat[position]] = flat[position + 1] end
  if row.g and settle(row, owner).isBehind then flat[#flat + 1], flat[#flat + 2] = 'v', row.v end
  return row, flat
end
-- Takes half the time of read(), where nothing of it is returned.
local function skim (id, owner)
  local g, s, o, k, c, r, i, t, v, u = unpack(redis.call('HMGET', sessionKey(id), 'g', 's', 'o', 'k', 'c', 'r', 'i', 't', 'v', 'u'))
  local row = { id = id, g = g or nil, s = s, o = o or nil, k = k or nil, c = c, r = r, i = i, t = t, v = v or nil, u = u or nil }
  return g and settle(row, owner) or row
end
local function isLive (row) return row.g ~= nil and row.v == nil and now < tonumber(row.i) end`
