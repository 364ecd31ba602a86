-- Reads items of a node, the oldest first.
-- KEYS[1] pep   ARGV node, requester, which (l last, i by id, a after, b before, n by index), count, index, bytes, ids ...
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
    for i = 7, #ARGV do
        ids[#ids + 1] = ARGV[i]
    end
else
    local last = total - 1
    if which == 'l' then
        first = count > 0 and math.max(0, total - count) or 0
    elseif which ~= 'n' then
        local rank = redis.call('ZRANK', order, ARGV[7])
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
-- What does not fit is left out at the end that is further from where the page begins.
local bytes = tonumber(ARGV[6])
local is_backwards = which == 'l' or which == 'b'
local from, to, step = 1, #ids, 1
if is_backwards then
    from, to, step = #ids, 1, -1
end
local given, start = {}, first
for i = from, to, step do
    local item = redis.call('HGET', items, ids[i])
    if item then
        bytes = bytes - #item
        if ARGV[6] ~= '0' and bytes < 0 and #given > 0 then
            break
        end
        given[#given + 1] = {ids[i], item}
        if is_backwards then
            start = first + i - 1
        end
    end
end
local result = {1, config, contact, total, start}
for i = 1, #given do
    local row = given[is_backwards and #given + 1 - i or i]
    for _, text in ipairs({'', '', row[1], row[2]}) do
        result[#result + 1] = text
    end
end
return result
