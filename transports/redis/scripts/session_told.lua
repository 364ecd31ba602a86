-- All is told of a session that its node did not end.
-- KEYS[1] sessions   ARGV owner   Gives 1, or 0 when it was told before.
-- part: notes
local base = string.sub(KEYS[1], 1, -9)
local uid = redis.call('HGET', base .. 'ended', ARGV[1])
if not uid then
    return 0
end
forget_notes(base .. 'sm:' .. uid)
return redis.call('HDEL', base .. 'ended', ARGV[1])
