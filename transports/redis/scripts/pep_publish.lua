-- Publishes an item, on a node that is made if there is none; what is too much for the node goes, the oldest first.
-- KEYS[1] pep   ARGV node, id, item, preconditions (lines), configuration of a new node, most nodes, most items, most bytes
-- Gives {result, configuration, '', 0, 0, then "", "", subscriber, "" for each}: results are enum pep_result.
local base = string.sub(KEYS[1], 1, -4)
local node, id, item = ARGV[1], ARGV[2], ARGV[3]
local items, order, usage = KEYS[1] .. ':items:' .. node, KEYS[1] .. ':order:' .. node, KEYS[1] .. ':usage'
local config = redis.call('HGET', KEYS[1], node)
local is_new = not config
if redis.call('EXISTS', base .. 'account') == 0 then
    return {0, '', '', 0, 0}
end
if is_new then
    if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[6]) then
        return {-5, '', '', 0, 0}
    end
    config = ARGV[5]
end
local lines = '\n' .. config
if not is_new then
    for line in string.gmatch(ARGV[4], '[^\n]+') do
        if not string.find(lines, '\n' .. line .. '\n', 1, true) then
            return {-4, config, '', 0, 0}
        end
    end
end
if string.find(lines, '\npersist_items=1\n', 1, true) then
    local most = math.min(tonumber(string.match(lines, '\nmax_items=(%d+)') or ARGV[7]), tonumber(ARGV[7]))
    local old = redis.call('HGET', items, id)
    local bytes = #id + #item - (old and #id + #old or 0)
    local gone, too_many = {}, redis.call('HLEN', items) + (old and 0 or 1) - most
    if too_many > 0 then
        -- One more than is needed, in case the oldest is the one that is published again.
        for _, oldest in ipairs(redis.call('ZRANGE', order, 0, too_many)) do
            if oldest ~= id and #gone < too_many then
                gone[#gone + 1] = oldest
                bytes = bytes - #oldest - redis.call('HSTRLEN', items, oldest)
            end
        end
    end
    local used = tonumber(redis.call('HGET', usage, 'bytes') or 0)
    if bytes > 0 and used + bytes > tonumber(ARGV[8]) then
        return {-6, config, '', 0, 0}
    end
    for _, oldest in ipairs(gone) do
        redis.call('HDEL', items, oldest)
        redis.call('ZREM', order, oldest)
    end
    redis.call('HSET', items, id, item)
    redis.call('ZADD', order, redis.call('HINCRBY', usage, 'last', 1), id)
    redis.call('HINCRBY', usage, 'bytes', bytes)
end
if is_new then
    redis.call('HSET', KEYS[1], node, config)
end
local result = {1, config, '', 0, 0}
for _, subscriber in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':subscribers:' .. node)) do
    for _, text in ipairs({'', '', subscriber, ''}) do
        result[#result + 1] = text
    end
end
return result
