-- Blocks or unblocks addresses, and tells the account's nodes.
-- KEYS[1] account   ARGV channel, block or unblock, most addresses, addresses; none with unblock: all
-- Gives {1, addresses that this changed ...}, {0} no such account, {-1} too many.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return { 0 }
end
local base = string.gsub(KEYS[1], 'account$', '')
local list, sessions = base .. 'blocked', base .. 'sessions'
local is_block = ARGV[2] == 'block'
local answer, line = { 1 }, { ARGV[2] }
local addresses, seen = {}, {}
for i = 4, #ARGV do
    addresses[i - 3] = ARGV[i]
    line[i - 2] = ARGV[i]
end
if #addresses == 0 then
    addresses = redis.call('SMEMBERS', list)
end
for i = 1, #addresses do
    if not seen[addresses[i]] and (redis.call('SISMEMBER', list, addresses[i]) == 0) == is_block then
        answer[#answer + 1] = addresses[i]
    end
    seen[addresses[i]] = true
end
if is_block and redis.call('SCARD', list) + #answer - 1 > tonumber(ARGV[3]) then
    return { -1 }
end
for i = 2, #answer do
    redis.call(is_block and 'SADD' or 'SREM', list, answer[i])
end

-- The letter b stands while somebody is blocked.
local flags = redis.call('HGET', sessions, '') or ''
local now = string.gsub(flags, 'b', '')
if redis.call('EXISTS', list) == 1 then
    now = now .. 'b'
end
if now == '' then
    redis.call('HDEL', sessions, '')
else
    redis.call('HSET', sessions, '', now)
end
redis.call('PUBLISH', ARGV[1], table.concat(line, '\n'))
return answer
