-- A node says that it lives.
-- KEYS[1] nodes   ARGV node, milliseconds until it counts as dead
-- The entry of a living node is "end since": when it ends, and since when its beats have come without a pause longer than
-- 0.6 of that time, both by the clock of Redis.  The entry of a dead one that is being swept is "end by node".
-- Gives 1, or 0 when the entry had gone or the node is being swept.
local time = redis.call('TIME')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
local entry = redis.call('HGET', KEYS[1], ARGV[1])
local ends, since = string.match(entry or '', '^(%d+) (%d+)$')
local known = ends and 1 or 0
if not ends or now - (ends - ttl) > 0.6 * ttl then
    since = now
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', now + ttl, since))
return known
