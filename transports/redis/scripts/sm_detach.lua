-- The connection of a resumable session is lost; too many such sessions of one account lose their rows, oldest first.
-- KEYS[1] sessions   ARGV resource (may be empty: only make room), owner, Unix milliseconds, most (below zero: so many go), log, start of notes' names
-- Gives 1, or 0 when the row is another's or gone; then resource, node and session of each that was dropped.
-- part: ended
-- part: notes
local result = {1}
if ARGV[1] ~= '' then
    local row = redis.call('HGET', KEYS[1], ARGV[1])
    if not row or string.sub(row, 5, #ARGV[2] + 4) ~= ARGV[2] then
        return {0}
    end
    redis.call('HSET', ARGV[6] .. string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)'), 'd', ARGV[3])
end
local detached = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    if string.byte(all[i + 1], 3) == 115 and all[i] ~= '' then
        local session, node, uid = string.match(all[i + 1], '^....(%d+)\n([^/]*)/[^\n]*\n([^\n]*)')
        local since = redis.call('HGET', ARGV[6] .. uid, 'd')
        if since then
            detached[#detached + 1] = {tonumber(since), all[i], node, session, uid}
        end
    end
end
table.sort(detached, function(a, b) return a[1] < b[1] end)
local most = tonumber(ARGV[4])
for i = 1, most < 0 and math.min(-most, #detached) or #detached - most do
    redis.call('HDEL', KEYS[1], detached[i][2])
    leave_notes(string.sub(KEYS[1], 1, -9), detached[i][4] .. '\n' .. detached[i][3] .. '/', detached[i][5])
    for j = 2, 4 do
        result[#result + 1] = detached[i][j]
    end
end
if #result > 1 and redis.call('XLEN', ARGV[5]) > 0 then
    flag_ended(KEYS[1], redis.call('HGET', KEYS[1], '') or '')
end
return result
