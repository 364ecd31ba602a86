-- Adds, removes or asks for an explicit subscriber of a node.
-- KEYS[1] pep   ARGV node, requester, subscriber, change (1, -1, 0), most subscribers
-- Gives {result, configuration, roster item of the requester, 0, 0, and "", "", subscriber, "" when it is one}.
-- An adding is not done here when the caller may not: it asks first.
local base = string.sub(KEYS[1], 1, -4)
local subscribers = KEYS[1] .. ':subscribers:' .. ARGV[1]
if redis.call('EXISTS', base .. 'account') == 0 then
    return {0, '', '', 0, 0}
end
local config = redis.call('HGET', KEYS[1], ARGV[1])
local contact = redis.call('HGET', base .. 'roster', ARGV[2]) or ''
if not config then
    return {-1, '', contact, 0, 0}
end
if ARGV[4] == '1' then
    if redis.call('SISMEMBER', subscribers, ARGV[3]) == 0 and redis.call('SCARD', subscribers) >= tonumber(ARGV[5]) then
        return {-7, config, contact, 0, 0}
    end
    redis.call('SADD', subscribers, ARGV[3])
elseif ARGV[4] == '-1' and redis.call('SREM', subscribers, ARGV[3]) == 0 then
    return {-2, config, contact, 0, 0}
end
if redis.call('SISMEMBER', subscribers, ARGV[3]) == 1 then
    return {1, config, contact, 0, 0, '', '', ARGV[3], ''}
end
return {1, config, contact, 0, 0}
