-- Ends a session whose node has not ended it: the row goes, if it still is its own.  Asked again before somebody says that all is
-- told (session_told.lua), it says the same.
-- KEYS[1] sessions   ARGV resource, owner, log, channel, how
-- how: "-1" only when nobody has it that could be resumed (its connection was lost); else the Unix milliseconds of now: a
-- resumable one stays.
-- Gives {0} when there is nothing to do, {for how many milliseconds it may be resumed, at least 1000}; or as session_remove.lua
-- 1 or 2, and behind it what its client was sent and did not acknowledge, in order.
-- part: copies
-- part: ended
-- part: notes
-- part: row_end
local sessions, owner, how = KEYS[1], ARGV[2], tonumber(ARGV[5])
local base = string.sub(sessions, 1, -9)

local function answer(result, uid)
    local fields, lines, reply = redis.call('HGETALL', base .. 'sm:' .. uid), {}, {result}
    for i = 1, #fields, 2 do
        if string.find(fields[i], '^%d') and string.sub(fields[i + 1], 1, 2) == 's ' then
            lines[#lines + 1] = {tonumber(fields[i]), string.sub(fields[i + 1], 3)}
        end
    end
    table.sort(lines, function(a, b) return a[1] < b[1] end)
    for i = 1, #lines do
        reply[i + 1] = lines[i][2]
    end
    return reply
end

local row = redis.call('HGET', sessions, ARGV[1])
if not row or string.sub(row, 5, #owner + 4) ~= owner then
    local uid = redis.call('HGET', base .. 'ended', owner)
    if not uid then
        return {0}
    end
    return answer(string.find(redis.call('HGET', sessions, '') or '', 'q', 1, true) and 2 or 1, uid)
end
local uid, is_resumable = string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)'), string.byte(row, 3) == 115
local values = is_resumable and redis.call('HMGET', base .. 'sm:' .. uid, 't', 'd') or {}
if how < 0 and not values[2] then
    return {0}
end
if values[1] and how > 0 then
    if not values[2] then
        redis.call('HSET', base .. 'sm:' .. uid, 'd', ARGV[5])
    end
    return {math.max(1000, tonumber(values[1]))}
end
leave_notes(base, owner, uid)
return answer(remove_row(sessions, ARGV[1], row, ARGV[3], ARGV[4]), uid)
