-- Queues an event for another server or a component, and hands it to the node that holds the link.
-- KEYS[1] log   ARGV link, event, sender's stream or "", number in it, most entries, "1" when somebody must hold the link,
--               node channels' beginning, nodes' end of name, the asking node
-- Gives 16 + its number when the asking node holds the link itself; 1 pushed, 0 it waits and nobody holds the link, -2 nobody holds it, -5 full, -6 taken before.
local base = string.sub(KEYS[1], 1, -4)
local holder = redis.call('GET', base .. 'lease')
if not holder and ARGV[6] == '1' then
    return -2
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[5]) then
    return -5
end
if ARGV[3] ~= '' then
    local last = redis.call('SET', base .. 'seen:' .. ARGV[3], ARGV[4], 'EX', 3600, 'GET')
    if last and tonumber(last) >= tonumber(ARGV[4]) then
        redis.call('SET', base .. 'seen:' .. ARGV[3], last, 'EX', 3600)
        return -6
    end
end
local id = redis.call('XADD', KEYS[1], '0-*', 'e', string.sub(ARGV[2], 2), 't', '') -- as store_log.c reads it: without its first brace
if not holder then
    return 0
end
if holder == ARGV[9] then
    return 16 + tonumber(string.sub(id, 3))
end
local payload = 'queued\n' .. ARGV[1] .. '\n' .. string.sub(id, 3) .. '\n' .. ARGV[2]
return redis.call('PUBLISH', ARGV[7] .. holder .. ARGV[8], payload) > 0 and 1 or 0
