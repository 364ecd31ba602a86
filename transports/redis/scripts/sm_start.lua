-- A session becomes resumable (store_sm.h).
-- KEYS[1] sessions   ARGV resource, owner, notes, milliseconds   Gives 1, or 0 when the row is another's or gone.
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or string.sub(row, 5, #ARGV[2] + 4) ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], string.sub(row, 1, 2) .. 's' .. string.sub(row, 4))
redis.call('DEL', ARGV[3])
redis.call('HSET', ARGV[3], 'r', ARGV[1], 'o', ARGV[2], 'h', '0', 's', '0', 'e', '0', 't', ARGV[4])
return 1
