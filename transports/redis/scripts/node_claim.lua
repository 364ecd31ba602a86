-- A sweeper goes on with a dead node, or is done with it.
-- KEYS[1] nodes   ARGV dead node, sweeper, milliseconds of the claim, 0 when done
-- Gives 1, or 0 when the claim is another's or the node is back.
local time = redis.call('TIME')
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry or string.match(entry, '^%d+ by (.*)$') ~= ARGV[2] then
    return 0
end
if ARGV[3] == '0' then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f by %s', time[1] * 1000 + ARGV[3], ARGV[2]))
end
return 1
