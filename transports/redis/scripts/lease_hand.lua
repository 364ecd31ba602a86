-- KEYS[1] lease   ARGV node, heir, milliseconds   Hands the lease over, if the node holds it.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
