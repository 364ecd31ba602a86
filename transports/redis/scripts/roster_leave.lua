-- An account is being deleted: what its contacts have to hear is kept until a node has said it.
-- KEYS[1] roster, [2] sessions, [3] requests, [4] presence, [5] leaving
-- leaving: a field a contact, its letters (items.lua) and an i when it has asked; the field "" has the resources that are
-- available, a line each.  Gives how many there are to be told.
-- part: rows
local told, all = 0, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    local letters = string.match(all[i + 1], '^%d+\31([ntfb][^\31]*)')
    if all[i] ~= '' and letters then
        redis.call('HSET', KEYS[5], all[i], letters)
        told = told + 1
    end
end
for _, contact in ipairs(redis.call('HKEYS', KEYS[3])) do
    redis.call('HSET', KEYS[5], contact, (redis.call('HGET', KEYS[5], contact) or 'n--') .. 'i')
    told = told + 1
end
local resources, rows = {}, redis.call('HGETALL', KEYS[2])
for i = 1, #rows, 2 do
    if rows[i] ~= '' and is_available(rows[i + 1]) and string.sub(redis.call('HGET', KEYS[4], rows[i]) or '', 1, 1) == 'a' then
        resources[#resources + 1] = rows[i]
    end
end
if told > 0 then
    redis.call('HSET', KEYS[5], '', table.concat(resources, '\n'))
end
return told
