-- The last item of each of some nodes; nothing for who is blocked by the account (XEP-0163 4.3.3).
-- KEYS[1] pep   ARGV requester, nodes (lines)
-- Gives {result, '', roster item of the requester, 0, 0, then node, configuration, id, item for each}.
local base = string.sub(KEYS[1], 1, -4)
if redis.call('EXISTS', KEYS[1]) == 0 then
    return {-1, '', '', 0, 0}
end
if string.find(redis.call('HGET', base .. 'sessions', '') or '', 'b', 1, true) then
    local domain = string.match(ARGV[1], '[^@]*$')
    if redis.call('SISMEMBER', base .. 'blocked', ARGV[1]) == 1 or redis.call('SISMEMBER', base .. 'blocked', domain) == 1 then
        return {-1, '', '', 0, 0}
    end
end
local result = {1, '', redis.call('HGET', base .. 'roster', ARGV[1]) or '', 0, 0}
for node in string.gmatch(ARGV[2], '[^\n]+') do
    local config = redis.call('HGET', KEYS[1], node)
    local id = config and redis.call('ZREVRANGE', KEYS[1] .. ':order:' .. node, 0, 0)[1]
    if id then
        for _, text in ipairs({node, config, id, redis.call('HGET', KEYS[1] .. ':items:' .. node, id)}) do
            result[#result + 1] = text
        end
    end
end
return result
