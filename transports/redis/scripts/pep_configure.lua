-- Makes a node, or changes the configuration of one; items that it may not have any more go, the oldest first.
-- KEYS[1] pep   ARGV node, 1 make or 0 change, configuration, most nodes, most items   Gives what pep_publish.lua gives.
local base = string.sub(KEYS[1], 1, -4)
local node, config = ARGV[1], ARGV[3]
local items, order = KEYS[1] .. ':items:' .. node, KEYS[1] .. ':order:' .. node
if redis.call('EXISTS', base .. 'account') == 0 then
    return {0, '', '', 0, 0}
end
local exists = redis.call('HEXISTS', KEYS[1], node) == 1
if ARGV[2] == '1' and exists then
    return {-3, '', '', 0, 0}
elseif ARGV[2] == '0' and not exists then
    return {-1, '', '', 0, 0}
elseif not exists and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
    return {-5, '', '', 0, 0}
end
redis.call('HSET', KEYS[1], node, config)
local most = math.min(tonumber(string.match('\n' .. config, '\nmax_items=(%d+)') or ARGV[5]), tonumber(ARGV[5]))
if not string.find('\n' .. config, '\npersist_items=1\n', 1, true) then
    most = 0
end
local bytes = 0
for _, id in ipairs(redis.call('ZRANGE', order, 0, -1 - most)) do
    bytes = bytes + #id + redis.call('HSTRLEN', items, id)
    redis.call('HDEL', items, id)
    redis.call('ZREM', order, id)
end
if bytes > 0 then
    redis.call('HINCRBY', KEYS[1] .. ':usage', 'bytes', 0 - bytes)
end
local result = {1, config, '', 0, 0}
for _, subscriber in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':subscribers:' .. node)) do
    for _, text in ipairs({'', '', subscriber, ''}) do
        result[#result + 1] = text
    end
end
return result
