-- A message comes for an account: the rows say for whom (RFC 6121 8.5), the log keeps it, the archive too, and it is
-- published for those it is for: one step, so that nobody comes or goes in between.
-- KEYS[1] sessions   ARGV channel, audience, resource, log ("l" or ""), copies ("c" or ""), hops, sender, sender's bare address or
--                    "" when it is the account itself, stream or "", number in it, seconds that a stream is remembered, most that may
--                    wait, settings of the archive or "", event without its first brace
-- audience: r the resource, n all available of non-negative priority, o the resource, else as n
-- settings of the archive: default letter, milliseconds, messages, bytes
-- An entry of the log: e the event without its first brace, t the uids that hold it; then r the resource that it was sent to, x
-- its id in the archive, l: it waited.
-- Gives the number of sessions, or enum deliver_result (stanzabus/store_log.h, which says what flags and edge are).
-- part: archive_write
-- part: archive_wants
-- part: seen
-- part: seen_turn
local call, byte, match, find = redis.call, string.byte, string.match, string.find
local sessions, audience, resource, keeps_log, sender = KEYS[1], ARGV[2], ARGV[3], ARGV[4] ~= '', ARGV[8]
local base = string.sub(sessions, 1, -9)
local rows = call('HGETALL', sessions)
local flags, matched, open, is_there = '', nil, {}, false
for i = 1, #rows, 2 do
    local name, row = rows[i], rows[i + 1]
    if name == '' then
        flags = row
    else
        is_there = true
        if name == resource then
            matched = row
        end
        if byte(row) == 97 then
            open[#open + 1] = row
        end
    end
end

if sender ~= '' and find(flags, 'b', 1, true) then
    local blocked = call('SMISMEMBER', base .. 'blocked', ARGV[7], sender, match(sender, '[^@]*$'))
    if blocked[1] + blocked[2] + blocked[3] > 0 then
        return -4
    end
end

local chosen = open
if audience ~= 'n' then
    if matched then
        chosen = {matched}
    elseif audience == 'r' then
        chosen = {}
    end
end
local waits = keeps_log and find(flags, 'q', 1, true)
local is_behind = waits and #open > 0
if #chosen == 0 or is_behind then
    if #chosen == 0 and call('EXISTS', base .. 'account') == 0 then
        return -3
    elseif #chosen == 0 and (not keeps_log or audience == 'r') then
        return -2
    elseif call('XLEN', base .. 'log') >= tonumber(ARGV[12]) then
        return -5
    end
end
if ARGV[9] ~= '' then
    if seen_before(base, flags, ARGV[9], ARGV[10]) then
        return -6
    elseif not is_there then
        call('EXPIRE', base .. 'seen', ARGV[11])
    end
end

local archived
if ARGV[13] ~= '' and archive_wants(base, flags, ARGV[7], ARGV[13]) then
    local partner, partner_resource = match(ARGV[7], '^([^/]*)/?(.*)')
    if sender == '' then
        partner_resource = partner_resource .. '\n' .. resource
    end
    archived = archive_write(base .. 'archive', partner, partner_resource, ARGV[14], match(ARGV[13], '^. (%d+) (%d+) (%d+)'))
end

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
if ARGV[5] ~= '' then
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
end

local n = '0'
if keeps_log then
    local id
    if resource == '' and not archived then
        id = call('XADD', base .. 'log', '0-*', 'e', ARGV[14], 't', holders)
    elseif resource == '' then
        id = call('XADD', base .. 'log', '0-*', 'e', ARGV[14], 't', holders, 'x', archived)
    elseif not archived then
        id = call('XADD', base .. 'log', '0-*', 'e', ARGV[14], 't', holders, 'r', resource)
    else
        id = call('XADD', base .. 'log', '0-*', 'e', ARGV[14], 't', holders, 'r', resource, 'x', archived)
    end
    n = string.sub(id, 3)
    if byte(n, -1) == 48 and byte(n, -2) == 48 then -- each hundredth
        flags = seen_turn(base, sessions, flags, ARGV[11])
    end
    if count == 0 and not waits then
        call('HSET', sessions, '', flags .. 'q')
    end
end
if targets ~= '' then
    call('PUBLISH', ARGV[1], '{"edge":"' .. ARGV[6] .. ' ' .. n .. ' ' .. (archived or '-') .. ' -' .. targets .. '",' .. ARGV[14])
elseif is_there then
    call('PUBLISH', ARGV[1], 'log ' .. n)
end
if count > 0 then
    return count
end
return is_behind and -1 or 0
