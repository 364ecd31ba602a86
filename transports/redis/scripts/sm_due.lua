-- Takes some whose time is over: whoever takes one is to be done with it until another may.
-- KEYS[1] detached   ARGV Unix milliseconds up to which they are due, those until which they are taken, most   Gives the members.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for i = 1, #due do
    redis.call('ZADD', KEYS[1], ARGV[2], due[i])
end
return due
