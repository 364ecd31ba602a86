-- Takes one item away.
-- KEYS[1] pep   ARGV node, id   Gives what pep_publish.lua gives.
local node, id = ARGV[1], ARGV[2]
local items, order = KEYS[1] .. ':items:' .. node, KEYS[1] .. ':order:' .. node
local config = redis.call('HGET', KEYS[1], node)
if not config then
    return {-1, '', '', 0, 0}
end
local size = redis.call('HSTRLEN', items, id)
if redis.call('HDEL', items, id) == 0 then
    return {-2, config, '', 0, 0}
end
redis.call('ZREM', order, id)
redis.call('HINCRBY', KEYS[1] .. ':usage', 'bytes', -size - #id)
local result = {1, config, '', 0, 0}
for _, subscriber in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':subscribers:' .. node)) do
    for _, text in ipairs({'', '', subscriber, ''}) do
        result[#result + 1] = text
    end
end
return result
