-- Removes a session's row, if it still is its own.
-- KEYS[1] sessions   ARGV resource, owner   Gives 1, or 0 when the row is another's or gone.
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or string.sub(row, 2, #ARGV[2] + 1) ~= ARGV[2] then
    return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
