-- Reads items of a node, the oldest first.
-- KEYS[1] pep   ARGV node, requester, which (l last, i by id, a after, b before, n by index), count, index, ids ...
-- Gives {result, configuration, roster item of the requester, total, index of the first, then "", "", id, item for each}.
local base = string.sub(KEYS[1], 1, -4)
local node, which, count, first = ARGV[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local items, order = KEYS[1] .. ':items:' .. node, KEYS[1] .. ':order:' .. node
if redis.call('EXISTS', base .. 'account') == 0 then
    return {0, '', '', 0, 0}
end
local config = redis.call('HGET', KEYS[1], node)
local contact = redis.call('HGET', base .. 'roster', ARGV[2]) or ''
if not config then
    return {-1, '', contact, 0, 0}
end
local total = redis.call('ZCARD', order)
local ids = {}
if which == 'i' then
    first = 0
    for i = 6, #ARGV do
        ids[#ids + 1] = ARGV[i]
    end
else
    local last = total - 1
    if which == 'l' then
        first = count > 0 and math.max(0, total - count) or 0
    elseif which ~= 'n' then
        local rank = redis.call('ZRANK', order, ARGV[6])
        if not rank then
            return {-2, config, contact, total, 0}
        end
        first = rank + 1
        if which == 'b' then
            last, first = rank - 1, math.max(0, rank - count)
        end
    end
    if which ~= 'l' then
        last = math.min(last, first + count - 1)
    end
    if last >= first then
        ids = redis.call('ZRANGE', order, first, last)
    end
end
local result = {1, config, contact, total, first}
for _, id in ipairs(ids) do
    local item = redis.call('HGET', items, id)
    if item then
        for _, text in ipairs({'', '', id, item}) do
            result[#result + 1] = text
        end
    end
end
return result
