-- A session becomes resumable, or its notes are written anew after some were lost (store_sm.h).
-- KEYS[1] sessions   ARGV resource, owner, notes, milliseconds, handled, sent, entry, then numbers and lines
-- Gives 1, or 0 when the row is another's or gone.
-- part: lines
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or string.sub(row, 5, #ARGV[2] + 4) ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], string.sub(row, 1, 2) .. 's' .. string.sub(row, 4))
local lost = redis.call('HGET', ARGV[3], 'd')
redis.call('DEL', ARGV[3])
redis.call('HSET', ARGV[3], 'r', ARGV[1], 'o', ARGV[2], 'h', ARGV[5], 's', ARGV[6], 'e', ARGV[7], 't', ARGV[4])
if lost then
    redis.call('HSET', ARGV[3], 'd', lost)
end
write_lines(ARGV[3], 8)
return 1
