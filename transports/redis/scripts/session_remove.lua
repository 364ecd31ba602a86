-- Removes a session's row, if it still is its own.
-- KEYS[1] sessions   ARGV resource, owner, log, channel, how
-- Gives 1, or 2 when the log holds messages that may have been for it, or 0 when the row is another's or gone; with how "0" also
-- 2 when something waits though the row has gone: asked again, because the first answer was lost, it says the same.
-- how: "0" in any case; "-1" only when nobody has it that could be resumed (its connection was lost); else the Unix
-- milliseconds of now: a resumable one stays, and it gives for how many milliseconds it may be resumed, at least 1000.
-- part: copies
-- part: ended
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or string.sub(row, 5, #ARGV[2] + 4) ~= ARGV[2] then
    return ARGV[5] == '0' and string.find(redis.call('HGET', KEYS[1], '') or '', 'q', 1, true) and 2 or 0
end
if string.byte(row, 3) == 115 then
    local notes = string.sub(KEYS[1], 1, -9) .. 'sm:' .. string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)')
    local values = redis.call('HMGET', notes, 'h', 't', 'd')
    if ARGV[5] == '-1' and not values[3] then
        return 0
    end
    if values[2] and tonumber(ARGV[5]) > 0 then
        if not values[3] then
            redis.call('HSET', notes, 'd', ARGV[5])
        end
        return math.max(1000, tonumber(values[2]))
    end
    redis.call('DEL', notes)
    if values[1] then
        redis.call('HSET', notes, 'h', values[1]) -- a client that comes too late hears it
        redis.call('EXPIRE', notes, 3600)
    end
end
redis.call('HDEL', KEYS[1], ARGV[1])
local base = string.sub(KEYS[1], 1, -9)
if redis.call('HLEN', KEYS[1]) == redis.call('HEXISTS', KEYS[1], '') then
    redis.call('EXPIRE', base .. 'seen', 1800)
    if redis.call('EXISTS', base .. 'account') == 0 then -- a guest's, who may come back
        redis.call('EXPIRE', ARGV[3], 1800)
    end
end
local result = 1
if redis.call('XLEN', ARGV[3]) > 0 then
    flag_ended(KEYS[1], redis.call('HGET', KEYS[1], '') or '')
    result = 2
end
if string.byte(row, 2) == 99 then
    tell_account(ARGV[4], flags_and_carbons(KEYS[1]))
end
return result
