-- Takes all items of a node away, and the node itself if that is asked.
-- KEYS[1] pep   ARGV node, 1 the node too   Gives what pep_publish.lua gives.
local node = ARGV[1]
local items, order = KEYS[1] .. ':items:' .. node, KEYS[1] .. ':order:' .. node
local subscribers = KEYS[1] .. ':subscribers:' .. node
local config = redis.call('HGET', KEYS[1], node)
if not config then
    return {-1, '', '', 0, 0}
end
local bytes = 0
for _, id in ipairs(redis.call('HKEYS', items)) do
    bytes = bytes + #id + redis.call('HSTRLEN', items, id)
end
redis.call('DEL', items, order)
redis.call('HINCRBY', KEYS[1] .. ':usage', 'bytes', 0 - bytes)
local result = {1, config, '', 0, 0}
for _, subscriber in ipairs(redis.call('SMEMBERS', subscribers)) do
    for _, text in ipairs({'', '', subscriber, ''}) do
        result[#result + 1] = text
    end
end
if ARGV[2] == '1' then
    redis.call('HDEL', KEYS[1], node)
    redis.call('DEL', subscribers)
end
return result
