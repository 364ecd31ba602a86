-- Publishes a notification for each available resource that wishes for the node, addressed to it.
-- KEYS[1] sessions   ARGV channel, publisher, node, resource or '', marker, event without its first brace
-- The rows and the edge are those of route.lua.  Gives the number of resources.
local base = string.sub(KEYS[1], 1, -9)
local wishes = redis.call('HGETALL', base .. 'pep:wishes')
if #wishes == 0 then
    return 0
end
if string.find(redis.call('HGET', KEYS[1], '') or '', 'b', 1, true) then
    local domain = string.match(ARGV[2], '[^@]*$')
    if redis.call('SISMEMBER', base .. 'blocked', ARGV[2]) == 1 or redis.call('SISMEMBER', base .. 'blocked', domain) == 1 then
        return 0
    end
end
local count = 0
for i = 1, #wishes, 2 do
    local resource = wishes[i]
    if (ARGV[4] == '' or ARGV[4] == resource) and string.find(wishes[i + 1] .. '\n', '\n' .. ARGV[3] .. '\n', 1, true) then
        local row = redis.call('HGET', KEYS[1], resource)
        -- The third line of a row, and the first of a wish, is the session's uid: the wish of an older session is none.
        if not row or string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)') ~= string.match(wishes[i + 1], '^[^\n]*') then
            redis.call('HDEL', base .. 'pep:wishes', resource)
        elseif string.sub(row, 1, 1) ~= 'u' then
            local target = string.match(row, '\n([^\n]*)')
            local written = string.match(target, '/(.*)')
            local event = string.gsub(ARGV[6], ARGV[5], function() return written end)
            redis.call('PUBLISH', ARGV[1], '{"edge":"0\\n' .. target .. '",' .. event)
            count = count + 1
        end
    end
end
return count
