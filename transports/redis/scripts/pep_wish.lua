-- A session says which nodes it wants to hear of.
-- KEYS[1] pep:wishes   ARGV resource, uid of the session, nodes (lines; '' for none)
-- Gives {1, what the same session wished for before, '', 0, 0}.
local old = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if string.sub(old, 1, #ARGV[2] + 1) == ARGV[2] .. '\n' then
    old = string.sub(old, #ARGV[2] + 2)
else
    old = ''
end
if ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '\n' .. ARGV[3])
end
return {1, old, '', 0, 0}
