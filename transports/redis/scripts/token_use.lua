-- A token was proved: it is the client's only one from now on, or none is left.
-- KEYS[1] tokens   ARGV client, nonce, count (-1: none was said), ends ("1") or not ("0")
-- Gives 1, or 0 when the token has gone, or the count is not greater than the last one (XEP-0484 3.4).
local fresh, current = ARGV[1] .. ':fresh', ARGV[1] .. ':current'
for _, field in ipairs({fresh, current}) do
    local token = redis.call('HGET', KEYS[1], field)
    local head, nonce, count = string.match(token or '', '^([^ ]* %d+) (%x+) (%d+)$')
    if nonce == ARGV[2] then
        if tonumber(ARGV[3]) >= 0 and tonumber(ARGV[3]) <= tonumber(count) then
            return 0
        end
        if ARGV[4] == '1' then
            redis.call('HDEL', KEYS[1], fresh, current)
            return 1
        end
        if tonumber(ARGV[3]) >= 0 then
            count = ARGV[3]
        end
        -- In this order, so that the key never is empty, which would end its expiry.
        redis.call('HSET', KEYS[1], current, head .. ' ' .. nonce .. ' ' .. count)
        if field == fresh then
            redis.call('HDEL', KEYS[1], fresh)
        end
        return 1
    end
end
return 0
