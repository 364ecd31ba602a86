-- Takes or renews a lease.
-- KEYS[1] lease   ARGV node, milliseconds   Gives 1 when the node holds it now, 0 when another does.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
