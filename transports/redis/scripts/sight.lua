-- What somebody may see of an account.
-- KEYS[1] sessions, [2] presence, [3] roster, [4] blocked   ARGV address, bare, domain of who looks; empty: the account itself
-- Gives {1, number of sessions, latest presence of one that has gone or '', available resources ...}, or {0} when it is not
-- to see anything.
-- part: rows
-- part: items
local rows = redis.call('HGETALL', KEYS[1])
local count, resources = 0, {}
for i = 1, #rows, 2 do
    if rows[i] ~= '' then
        count = count + 1
        if is_available(rows[i + 1]) then
            resources[#resources + 1] = rows[i]
        end
    elseif ARGV[1] ~= '' and string.find(rows[i + 1], 'b', 1, true) then
        for j = 1, 3 do
            if redis.call('SISMEMBER', KEYS[4], ARGV[j]) == 1 then
                return { 0 }
            end
        end
    end
end
if ARGV[1] ~= '' and bits_of(read_item(KEYS[3], ARGV[2])) % 4 < 2 then
    return { 0 }
end
local gone, gone_time = '', ''
local all = redis.call('HVALS', KEYS[2])
for i = 1, #all do
    local time = string.match(all[i], '^u.-"time":"([^"]*)"')
    if time and time > gone_time then
        gone, gone_time = string.sub(all[i], 2), time
    end
end
return { 1, count, gone, unpack(resources) }
