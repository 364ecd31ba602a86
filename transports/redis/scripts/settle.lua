-- What waits in the log of an account is routed by today's rows, in order: a page of it.  Each entry that somebody is there
-- for gets a new number, behind all others, and its holders; what nobody is there for stays.  At the end of the log the
-- account's flag q goes, when nothing waits any more; s, in which r turns at the start, goes in any case.
-- KEYS[1] sessions   ARGV channel, first number, whether some of a page before waits on ("1" or "0"), id in the archive up to which it
--                    was read there or "", most entries, most bytes
-- An entry is described in deliver.lua.   Gives {moved, next number or 0 at the end, whether some wait on}.
local sessions = KEYS[1]
local base = string.sub(sessions, 1, -9)
local log, acked = base .. 'log', base .. 'acked'
local rows = redis.call('HGETALL', sessions)
local flags, open, by_name, alive = '', {}, {}, {}
for i = 1, #rows, 2 do
    if rows[i] == '' then
        flags = rows[i + 1]
    else
        local target, uid = string.match(rows[i + 1], '\n([^\n]*)\n([^\n]*)')
        local session = {target, uid}
        alive[uid] = true
        by_name[rows[i]] = session
        if string.byte(rows[i + 1]) == 97 then
            open[#open + 1] = session
        end
    end
end
local read_ms, read_sequence = string.match(ARGV[4], '^(%d+)-(%d+)$')
read_ms, read_sequence = tonumber(read_ms), tonumber(read_sequence)

local function was_read(id)
    local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
    ms = tonumber(ms)
    return ms < read_ms or (ms == read_ms and tonumber(sequence) <= read_sequence)
end

-- held: a session is at it; done: nobody is any more, and somebody had it; waits
local function state_of(number, holders)
    local done = string.find(holders, ' ', 1, true) and redis.call('HGET', acked, number)
    for holder in string.gmatch(holders, '%S+') do
        if alive[holder] and not (done and string.find(done, ' ' .. holder .. ' ', 1, true)) then
            return 'held'
        end
    end
    return done and 'done' or 'waits'
end

local function set_flags(new)
    if new == '' then
        redis.call('HDEL', sessions, '')
    elseif new ~= flags then
        redis.call('HSET', sessions, '', new)
    end
    flags = new
end

if ARGV[2] == '0' and string.find(flags, 'r', 1, true) then
    set_flags(string.gsub(flags, '[rs]', '') .. 's')
end
local most, bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local entries = redis.call('XRANGE', log, '0-' .. ARGV[2], '+', 'COUNT', most)
local moved, after, waits, is_full = 0, 0, ARGV[3] == '1', false
for i = 1, #entries do
    local id, fields = entries[i][1], entries[i][2]
    local number = string.sub(id, 3)
    local entry = {}
    for j = 1, #fields, 2 do
        entry[fields[j]] = fields[j + 1]
    end
    local state = state_of(number, entry.t)
    if state == 'waits' and read_ms and entry.x and was_read(entry.x) then
        state = 'done'
    end
    local chosen = state == 'waits' and ((entry.r and by_name[entry.r]) and {by_name[entry.r]} or open)
    if state == 'done' then
        redis.call('XDEL', log, id)
        redis.call('HDEL', acked, number)
    elseif chosen and #chosen == 0 then
        waits = true
    elseif chosen then
        local targets, holders = {}, {}
        for j = 1, #chosen do
            targets[j], holders[j] = chosen[j][1], chosen[j][2]
        end
        local new = {'XADD', log, '0-*', 'e', entry.e, 't', table.concat(holders, ' ')}
        for _, name in ipairs({'r', 'x'}) do
            if entry[name] then
                new[#new + 1] = name
                new[#new + 1] = entry[name]
            end
        end
        new[#new + 1] = 'l'
        new[#new + 1] = ''
        local n = string.sub(redis.call(unpack(new)), 3)
        redis.call('XDEL', log, id)
        redis.call('HDEL', acked, number)
        redis.call('PUBLISH', ARGV[1], '{"edge":"0 ' .. n .. ' ' .. (entry.x or '-') .. ' d\\n' ..
            table.concat(targets, '\\n') .. '",' .. entry.e)
        moved = moved + 1
        bytes = bytes - #entry.e
        if bytes <= 0 and i < #entries then
            after, is_full = tonumber(number) + 1, true
            break
        end
    end
end
if not is_full and #entries == most then
    after = tonumber(string.sub(entries[#entries][1], 3)) + 1
end
-- What was held when its page was looked at may wait by now.
local first = '-'
while after == 0 and not waits and ARGV[2] ~= '0' do
    local page = redis.call('XRANGE', log, first, '(0-' .. ARGV[2], 'COUNT', most)
    for i = 1, #page do
        first = '(' .. page[i][1]
        waits = waits or state_of(string.sub(page[i][1], 3), page[i][2][4]) == 'waits'
    end
    if #page < most then
        break
    end
end
if after == 0 then
    local rest = string.gsub(flags, waits and 's' or '[qrs]', '')
    set_flags(rest)
end
return {moved, after, waits and 1 or 0}
