-- Messages come for an account: the rows say for whom (RFC 6121 8.5), the log keeps them, the archive too, and they are
-- published for those they are for: one step, so that nobody comes or goes in between.
-- KEYS[1] sessions   ARGV channel, seconds that a stream is remembered, most that may wait, about the bytes of them,
--   number that a new log begins with, settings of the archive, then for each:
--   audience, resource, log ("l", "L" from somebody who is no stranger, or ""), archive ("a" or ""), copies ("c" or ""), hops, sender, sender's bare address or "" when it
--   is the account itself, stream or "", number in it, event without its first brace
-- audience: r the resource, n all available of non-negative priority, o the resource, else as n
-- settings of the archive: default letter, milliseconds, messages, bytes
-- An entry of the log: e the event without its first brace, t the uids that hold it; then r the resource that it was sent to, x
-- its id in the archive, l: it waited.
-- Gives for each the number of sessions, or enum deliver_result (stanzabus/store_log.h, which says what flags and edge are).
-- part: archive_write
-- part: archive_wants
-- part: seen
-- part: seen_turn
-- part: refused
local call, byte, match, find = redis.call, string.byte, string.match, string.find
local sessions, channel, settings = KEYS[1], ARGV[1], ARGV[6]
local base = string.sub(sessions, 1, -9)
local rows = call('HGETALL', sessions)
local flags, open, by_name, is_there, wishes = '', {}, {}, false, false
for i = 1, #rows, 2 do
    local name, row = rows[i], rows[i + 1]
    if name == '' then
        flags = row
    else
        is_there = true
        by_name[name] = row
        if byte(row) == 97 then
            open[#open + 1] = row
        end
        wishes = wishes or byte(row, 2) == 99
    end
end

local function is_blocked(sender, bare)
    if bare == '' or not find(flags, 'b', 1, true) then
        return false
    end
    local blocked = call('SMISMEMBER', base .. 'blocked', sender, bare, match(bare, '[^@]*$'))
    return blocked[1] + blocked[2] + blocked[3] > 0
end

local function archive(sender, bare, resource, event)
    if not archive_wants(base, flags, sender, settings) then
        return nil
    end
    local partner, partner_resource = match(sender, '^([^/]*)/?(.*)')
    if bare == '' then
        partner_resource = partner_resource .. '\n' .. resource
    end
    return archive_write(base .. 'archive', partner, partner_resource, event, match(settings, '^. (%d+) (%d+) (%d+)'))
end

-- Those that want copies, and do not get it themselves: of what nobody gets, those that are not asked for messages at all.
local function copies(chosen)
    local targets = ''
    for i = 1, #rows, 2 do
        local row = rows[i + 1]
        if byte(row, 2) == 99 and rows[i] ~= '' and (#chosen > 0 or byte(row) == 109) then
            local is_chosen = false
            for j = 1, #chosen do
                is_chosen = is_chosen or chosen[j] == row
            end
            if not is_chosen then
                targets = targets .. '\\n+' .. match(row, '\n([^\n]*)')
            end
        end
    end
    return targets
end

-- Redis may have lost the log that was: somebody who is done with an entry of that one names none of this.
local function begin_above(id)
    local log = base .. 'log'
    local fields = call('XRANGE', log, id, id)[1][2]
    call('XDEL', log, id)
    return call('XADD', log, '0-' .. ARGV[5], unpack(fields))
end

local function log(event, holders, resource, archived)
    local id
    if resource == '' and not archived then
        id = call('XADD', base .. 'log', '0-*', 'e', event, 't', holders)
    elseif resource == '' then
        id = call('XADD', base .. 'log', '0-*', 'e', event, 't', holders, 'x', archived)
    elseif not archived then
        id = call('XADD', base .. 'log', '0-*', 'e', event, 't', holders, 'r', resource)
    else
        id = call('XADD', base .. 'log', '0-*', 'e', event, 't', holders, 'r', resource, 'x', archived)
    end
    if id == '0-1' and tonumber(ARGV[5]) > 1 then
        id = begin_above(id)
    end
    return string.sub(id, 3)
end

local function refuse(at, result)
    return refused_note(base, ARGV[at + 8], ARGV[at + 9], result)
end

-- Does as much wait as may?  Strangers get in up to a tenth of it only, so that there is room for people of the roster.  Small ones
-- are bounded by their number.
local function is_full(at, size)
    local most, waiting = tonumber(ARGV[3]), call('XLEN', base .. 'log')
    local few, few_bytes, bare = math.max(100, most / 10), math.max(262144, ARGV[4] / 10), ARGV[at + 7]
    local bytes = size > 4096 and (call('MEMORY', 'USAGE', base .. 'log', 'SAMPLES', '0') or 0) + size or 0
    if waiting >= most or bytes > tonumber(ARGV[4]) then
        return true
    elseif ARGV[at + 2] ~= 'l' or bare == '' or (waiting < few and bytes <= few_bytes) then
        return false
    end
    return call('HEXISTS', base .. 'roster', bare) == 0
end

-- What the first answer was, about: it was taken, or refused, or it waits and is to be settled.
local function again(at, waits)
    return refused_before(base, ARGV[at + 8], ARGV[at + 9]) or (waits and is_there and -1) or -6
end

local function deliver(at)
    local audience, resource, keeps_log, event = ARGV[at], ARGV[at + 1], ARGV[at + 2] ~= '', ARGV[at + 10]
    local waits = keeps_log and find(flags, 'q', 1, true)
    if ARGV[at + 8] ~= '' and seen_before(base, flags, ARGV[at + 8], ARGV[at + 9]) then
        return again(at, waits)
    end
    if is_blocked(ARGV[at + 6], ARGV[at + 7]) then
        return -4
    end
    local chosen = open
    if audience ~= 'n' then
        local matched = resource ~= '' and by_name[resource]
        if matched then
            chosen = {matched}
        elseif audience == 'r' then
            chosen = {}
        end
    end
    local is_behind = waits and #chosen > 0 and (#open > 0 or find(flags, '[rs]'))
    if #chosen == 0 or (is_behind and #open > 0) then -- else what is behind is settled, whatever else waits
        if #chosen == 0 and call('EXISTS', base .. 'account') == 0 then
            return -3
        elseif #chosen == 0 and (not keeps_log or audience == 'r') then
            return refuse(at, -2)
        elseif is_full(at, #event) then
            return refuse(at, -5)
        end
    end
    if ARGV[at + 8] ~= '' then
        seen_take()
    end
    local archived = ARGV[at + 3] ~= '' and archive(ARGV[at + 6], ARGV[at + 7], resource, event)

    -- Who gets it, and by which name each holds it.
    local targets, holders, count = '', '', 0
    if not is_behind then
        count = #chosen
        for i = 1, count do
            local target, uid = match(chosen[i], '\n([^\n]*)\n([^\n]*)')
            targets = targets .. '\\n' .. target
            holders = i == 1 and uid or holders .. ' ' .. uid
        end
    end
    if wishes and ARGV[at + 4] ~= '' then
        targets = targets .. copies(chosen)
    end
    local n = '0'
    if keeps_log then
        n = log(event, holders, resource, archived)
        if byte(n, -1) == 48 and byte(n, -2) == 48 then -- each hundredth
            seen_note(base)
            flags = seen_turn(base, sessions, flags, ARGV[2])
        end
        if count == 0 and not waits then
            flags = flags .. 'q'
            call('HSET', sessions, '', flags)
        end
    end
    if targets ~= '' then
        call('PUBLISH', channel, '{"edge":"' .. ARGV[at + 5] .. ' ' .. n .. ' ' .. (archived or '-') .. ' -' .. targets .. '",' .. event)
    elseif is_there then
        call('PUBLISH', channel, 'log ' .. n)
    end
    if count > 0 then
        return count
    end
    return is_behind and -1 or 0
end

local results = {}
for at = 7, #ARGV, 11 do
    results[#results + 1] = deliver(at)
end
seen_note(base)
if not is_there and seen.stream then
    call('EXPIRE', base .. 'seen', ARGV[2])
end
return results
