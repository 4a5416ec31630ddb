"""Lua: what must happen at once. Each script touches keys of one slot."""

from __future__ import annotations

ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
"""KEYS: lock. ARGV: holder, ttl in ms. Taking what one holds is no error: an acknowledgement may
have been lost."""

EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""KEYS: lock. ARGV: holder, ttl in ms."""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
"""KEYS: lock. ARGV: holder."""

APPEND = """
local fence, length, ttl = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local kept = tonumber(redis.call('GET', KEYS[2]) or '0')
if fence < kept then return -1 end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local last = newest[1] and tonumber(string.match(newest[1][1], '^(%d+)')) or 0
local fresh = {}
for at = 5, #ARGV, 4 do
  local seq = tonumber(ARGV[at])
  if seq > last then
    fresh[#fresh + 1] = at
    last = seq
  else
    local there = redis.call('XRANGE', KEYS[1], ARGV[at] .. '-0', ARGV[at] .. '-0')[1]
    local same = there and there[2][2] == ARGV[at + 1] and there[2][4] == ARGV[at + 2]
      and there[2][6] == ARGV[1]
    if not same then return -2 end
  end
end
for _, at in ipairs(fresh) do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', length, ARGV[at] .. '-0',
    'k', ARGV[at + 1], 'd', ARGV[at + 2], 'f', ARGV[1], 't', ARGV[at + 3])
end
redis.call('SET', KEYS[2], fence, 'PX', ttl)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('SADD', KEYS[3], ARGV[4])
redis.call('PEXPIRE', KEYS[3], ttl)
return #fresh
"""
"""KEYS: stream, fence, answers. ARGV: fence, length, ttl in ms, answer, then id, kind, data and
tokens of each event. Events that are there already, of the same fence and the same content, are
passed over; -1 for an old fence, -2 for an id that is taken or lies behind. Nothing is written in
part."""

TAKE = """
local capacity, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / rate) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate) + 1000)
return wait
"""
"""KEYS: bucket. ARGV: capacity, tokens a ms. Token bucket on Redis' own clock; ms to wait, or 0."""

SPEND = """
if redis.call('SADD', KEYS[2], ARGV[2]) == 0 then return 0 end
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('INCRBY', KEYS[1], ARGV[1])
return redis.call('EXPIRE', KEYS[1], ARGV[3])
"""
"""KEYS: spent tokens of the day, their names. ARGV: tokens, name, ttl in s. Once for each name."""
