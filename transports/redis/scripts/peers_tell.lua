-- Tells the node that holds a link what another one, say, has connections for it.
-- KEYS[1] lease   ARGV the telling node, node channels' beginning, nodes' end of name, what is told
-- Gives 1 told, 0 nobody holds the link or nobody listens there, 2 the telling node holds it itself.
local holder = redis.call('GET', KEYS[1])
if not holder then
    return 0
end
if holder == ARGV[1] then
    return 2
end
return redis.call('PUBLISH', ARGV[2] .. holder .. ARGV[3], ARGV[4]) > 0 and 1 or 0
