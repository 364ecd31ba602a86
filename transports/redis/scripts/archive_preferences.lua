-- Writes what an account wants kept in its archive (XEP-0441).
-- KEYS[1] prefs   ARGV channel, A, N, R or - for the default, then address, a (always) or n (never), for each exception
-- Gives 1, or 0 when there is no such account.
-- The choice, and p when there are exceptions, are among the account's flags (store_log.h), of which its nodes are told.
local base = string.gsub(KEYS[1], 'prefs$', '')
if redis.call('EXISTS', base .. 'account') == 0 then
    return 0
end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
local flags = string.gsub(redis.call('HGET', base .. 'sessions', '') or '', '[ANRp]', '')
flags = flags .. (ARGV[2] ~= '-' and ARGV[2] or '') .. (ARGV[3] and 'p' or '')
if flags == '' then
    redis.call('HDEL', base .. 'sessions', '')
    flags = '-'
else
    redis.call('HSET', base .. 'sessions', '', flags)
end
local carbons = 0
local rows = redis.call('HGETALL', base .. 'sessions')
for i = 1, #rows, 2 do
    if rows[i] ~= '' and string.byte(rows[i + 1], 2) == 99 then
        carbons = carbons + 1
    end
end
redis.call('PUBLISH', ARGV[1], 'account ' .. carbons .. ' ' .. flags)
return 1
