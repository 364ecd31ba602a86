-- Puts a client's fresh token.
-- KEYS[1] tokens   ARGV client, token, generation of the account, most clients
-- A token is "mechanism expires nonce count"; its field is the client's id with :fresh or :current.
-- Gives 1, or 0 when the account is of another generation.
local account = string.sub(KEYS[1], 1, -#'tokens' - 1) .. 'account'
if (redis.call('HGET', account, 'generation') or '0') ~= ARGV[3] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1] .. ':fresh', ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends, count, last = {}, 0, 0
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
    local expires = tonumber(string.match(fields[i + 1], '^[^ ]* (%d+)'))
    local client = string.match(fields[i], '^[^:]*')
    if expires <= now then
        redis.call('HDEL', KEYS[1], fields[i])
    else
        if not ends[client] then
            count = count + 1
        end
        ends[client] = math.max(ends[client] or 0, expires)
        last = math.max(last, expires)
    end
end
while count > tonumber(ARGV[4]) do
    local first
    for client, at in pairs(ends) do
        if client ~= ARGV[1] and (not first or at < ends[first] or (at == ends[first] and client < first)) then
            first = client
        end
    end
    redis.call('HDEL', KEYS[1], first .. ':fresh', first .. ':current')
    ends[first], count = nil, count - 1
end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last))
return 1
