-- Claims dead nodes for sweeping: each for one sweeper, until its claim ends.
-- KEYS[1] nodes   ARGV sweeper, its milliseconds, milliseconds of a claim, most claims   Gives the names of the dead.
-- After an outage of Redis every node looks dead to the one that comes back first.  So only a node may sweep whose own
-- beats have come promptly for a whole life: an outage that let others die would have torn them.
local time = redis.call('TIME')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
local ends, since = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%d+)$')
if not ends or now - since < ttl or now - (ends - ttl) > 0.6 * ttl then
    return {}
end
local dead = {}
local nodes = redis.call('HGETALL', KEYS[1])
for i = 1, #nodes, 2 do
    if #dead < tonumber(ARGV[4]) and nodes[i] ~= ARGV[1] and tonumber(string.match(nodes[i + 1], '^%d+') or 0) < now then
        redis.call('HSET', KEYS[1], nodes[i], string.format('%.0f by %s', now + ARGV[3], ARGV[1]))
        dead[#dead + 1] = nodes[i]
    end
end
return dead
