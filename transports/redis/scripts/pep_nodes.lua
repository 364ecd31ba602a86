-- All nodes with their configurations.
-- KEYS[1] pep   ARGV requester   Gives {result, '', roster item of the requester, 0, 0, then node, configuration, "", "" for each}.
local base = string.sub(KEYS[1], 1, -4)
if redis.call('EXISTS', base .. 'account') == 0 then
    return {0, '', '', 0, 0}
end
local result = {1, '', redis.call('HGET', base .. 'roster', ARGV[1]) or '', 0, 0}
local nodes = redis.call('HGETALL', KEYS[1])
for i = 1, #nodes, 2 do
    for _, text in ipairs({nodes[i], nodes[i + 1], '', ''}) do
        result[#result + 1] = text
    end
end
return result
