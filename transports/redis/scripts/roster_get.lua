-- Reads a roster, and notes that the session has asked for it: from now on it gets pushes.
-- KEYS[1] roster, [2] sessions   ARGV resource, owner, row, the version that the client has ("epoch-number", or "")
-- The resource is "" when no session asks.
-- Gives {epoch, number, what, contact, item ...}: what is 0 nothing has changed, 1 the changed items follow (removed ones
-- too), 2 all items follow.
-- part: rows
-- part: items
if ARGV[1] ~= '' then
    local row = redis.call('HGET', KEYS[2], ARGV[1])
    if row and is_own(row, ARGV[2]) then
        redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
    end
end
local head = read_head(KEYS[1])
if redis.call('HEXISTS', KEYS[1], '') == 0 then
    write_head(KEYS[1], head)
end
local answer = { head.epoch, head.number, 2 }
local since = -1
local epoch, number = string.match(ARGV[4], '^(%x+)%-(%d+)$')
if epoch == head.epoch and tonumber(number) >= head.floor and tonumber(number) <= head.number then
    since = tonumber(number)
    answer[3] = since == head.number and 0 or 1
end
if answer[3] == 0 then
    return answer
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    local version, subscription = string.match(all[i + 1], '^(%d+)\31(%a)')
    if all[i] ~= '' and version and tonumber(version) > since and (subscription ~= 'x' or answer[3] == 1) then
        answer[#answer + 1] = all[i]
        answer[#answer + 1] = all[i + 1]
    end
end
return answer
