-- A message comes for an account: the rows say for whom (RFC 6121 8.5), the log keeps it, the archive too, and it is
-- published for those it is for: one step, so that nobody comes or goes in between.
-- KEYS[1] sessions   ARGV channel, audience, resource, what is kept, hops, sender, stream, number in it, seconds that a stream is
--                    remembered, most that may wait, settings of the archive, event without its first brace
-- audience: r the resource, n all available of non-negative priority, o the resource, else as n
-- kept, letters: l log, a archive, c copies; s: sender and recipient are the same account.  settings of the archive: default letter, milliseconds, messages, bytes
-- An entry of the log: e the event without its first brace, t the uids that hold it; then r the resource that it was sent to, x
-- its id in the archive, l: it waited.
-- Gives the number of sessions, or enum deliver_result (stanzabus/store_log.h, which says what flags and edge are).
-- part: archive_write
-- part: archive_wants
local sessions, channel, resource, kept = KEYS[1], ARGV[1], ARGV[3], ARGV[4]
local base = string.sub(sessions, 1, -9)
local rows = redis.call('HGETALL', sessions)
local flags, matched, open = '', nil, {}
local sessions_there, keeps_log = false, string.find(kept, 'l', 1, true)
for i = 1, #rows, 2 do
    local name, row = rows[i], rows[i + 1]
    if name == '' then
        flags = row
    else
        sessions_there = true
        if name == resource then
            matched = row
        end
        if string.byte(row) == 97 then
            open[#open + 1] = row
        end
    end
end

if string.find(flags, 'b', 1, true) and not string.find(kept, 's', 1, true) then
    local bare = string.match(ARGV[6], '^[^/]*')
    local blocked = redis.call('SMISMEMBER', base .. 'blocked', ARGV[6], bare, string.match(bare, '[^@]*$'))
    if blocked[1] + blocked[2] + blocked[3] > 0 then
        return -4
    end
end

local chosen = open
if matched and ARGV[2] ~= 'n' then
    chosen = {matched}
elseif ARGV[2] == 'r' then
    chosen = {}
end
local waits = string.find(flags, 'q', 1, true)
local is_behind = keeps_log and waits and #open > 0
if #chosen == 0 then
    if redis.call('EXISTS', base .. 'account') == 0 then
        return -3
    elseif not keeps_log or ARGV[2] == 'r' then
        return -2
    end
end
if (#chosen == 0 or is_behind) and redis.call('XLEN', base .. 'log') >= tonumber(ARGV[10]) then
    return -5
end

if ARGV[7] ~= '' then
    local seen = base .. 'seen:' .. ARGV[7]
    local last = redis.call('SET', seen, ARGV[8], 'EX', ARGV[9], 'GET')
    if last and tonumber(last) >= tonumber(ARGV[8]) then
        redis.call('SET', seen, last, 'EX', ARGV[9])
        return -6
    end
end
local archived
if string.find(kept, 'a', 1, true) then
    local partner, partner_resource = string.match(ARGV[6], '^([^/]*)/?(.*)')
    if string.find(kept, 's', 1, true) then
        partner_resource = partner_resource .. '\n' .. resource
    end
    archived = archive_wants(base, flags, ARGV[6], ARGV[11]) and
        archive_write(base .. 'archive', partner, partner_resource, '{' .. ARGV[12], string.match(ARGV[11], '^. (%d+) (%d+) (%d+)'))
end

-- Who gets it, and by which name each holds it.
local targets, holders = {}, {}
if not is_behind then
    for i = 1, #chosen do
        targets[i], holders[i] = string.match(chosen[i], '\n([^\n]*)\n([^\n]*)')
    end
end
local count = #targets
if string.find(kept, 'c', 1, true) then
    for i = 1, #rows, 2 do
        local row = rows[i + 1]
        if rows[i] ~= '' and string.byte(row, 2) == 99 and (#chosen > 0 or string.byte(row) == 109) then
            local is_chosen = false
            for j = 1, #chosen do
                is_chosen = is_chosen or chosen[j] == row
            end
            if not is_chosen then
                targets[#targets + 1] = '+' .. string.match(row, '\n([^\n]*)')
            end
        end
    end
end

local n = 0
if keeps_log then
    local entry = {'XADD', base .. 'log', '0-*', 'e', ARGV[12], 't', table.concat(holders, ' ')}
    if resource ~= '' then
        entry[#entry + 1] = 'r'
        entry[#entry + 1] = resource
    end
    if archived then
        entry[#entry + 1] = 'x'
        entry[#entry + 1] = archived
    end
    n = string.sub(redis.call(unpack(entry)), 3)
    if count == 0 and not waits then
        redis.call('HSET', sessions, '', flags .. 'q')
    end
end
if #targets > 0 then
    redis.call('PUBLISH', channel, '{"edge":"' .. ARGV[5] .. ' ' .. n .. ' ' .. (archived or '-') .. ' -\\n' ..
        table.concat(targets, '\\n') .. '",' .. ARGV[12])
end
if count > 0 then
    return count
end
if #targets == 0 and sessions_there then
    redis.call('PUBLISH', channel, 'log ' .. n)
end
return is_behind and -1 or 0
