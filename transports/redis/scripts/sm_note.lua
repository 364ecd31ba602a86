-- Notes what a resumable stream has done in a turn (store_sm.h), if it still is the asker's.
-- KEYS[1] notes   ARGV owner, handled, sent, entry, how many lines go, their numbers, then numbers and lines that come
-- Gives 1, or 0 when the stream is another's or gone.
-- part: lines
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'h', ARGV[2], 's', ARGV[3], 'e', ARGV[4])
local first = 6 + tonumber(ARGV[5])
for i = 6, first - 1, 1000 do
    redis.call('HDEL', KEYS[1], unpack(ARGV, i, math.min(i + 999, first - 1)))
end
write_lines(KEYS[1], first)
return 1
