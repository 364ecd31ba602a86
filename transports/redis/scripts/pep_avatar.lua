-- Keeps the hash of an account's picture, and tells the account's nodes when it is another.
-- KEYS[1] pep:avatar   ARGV hash ('' when there is none any more), channel
local old = redis.call('GET', KEYS[1])
if old == ARGV[1] or (not old and ARGV[1] == '') then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], 'avatar ' .. ARGV[1])
return 1
