-- Takes or renews a lease.
-- KEYS[1] lease   ARGV node, milliseconds   Gives 1 when the node holds it now, 0 when another does.
local holder = redis.call('GET', KEYS[1])
if not holder then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif holder == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2]) -- which a Redis that is out of memory still takes
else
    return 0
end
return 1
