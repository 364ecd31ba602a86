-- Notes what a resumable stream has done in a turn (store_sm.h), if it still is the asker's.
-- KEYS[1] notes   ARGV owner, whole ("1") or more ("0"), handled, sent, entry, how many lines go, their numbers, then
-- numbers and lines that come   Gives 1, or 0 when the stream is another's or gone.
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then
    return 0
end
if ARGV[2] == '1' then
    local fields = redis.call('HKEYS', KEYS[1])
    for i = 1, #fields do
        if string.find(fields[i], '^%d') then
            redis.call('HDEL', KEYS[1], fields[i])
        end
    end
end
redis.call('HSET', KEYS[1], 'h', ARGV[3], 's', ARGV[4], 'e', ARGV[5])
local first = 7 + tonumber(ARGV[6])
for i = 7, first - 1, 1000 do -- in pieces that fit on Lua's stack
    redis.call('HDEL', KEYS[1], unpack(ARGV, i, math.min(i + 999, first - 1)))
end
for i = first, #ARGV, 1000 do
    redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
return 1
