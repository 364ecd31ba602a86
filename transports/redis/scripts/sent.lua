-- The sender's side of a message: its own archive, and copies for its other resources (XEP-0280).
-- KEYS[1] sessions   ARGV channel, resource that sent it, copies ("c" or ""), recipient, stream, number in it, settings of the archive
--                    or "", event without its first brace
-- Settings as in deliver.lua   Gives 1, or -6 when this number was taken before.
-- part: archive_write
-- part: archive_wants
-- part: seen
local sessions = KEYS[1]
local base = string.sub(sessions, 1, -9)
local flags, targets = '', {}
if ARGV[3] == '' then
    flags = redis.call('HGET', sessions, '') or ''
else
    local rows = redis.call('HGETALL', sessions)
    for i = 1, #rows, 2 do
        if rows[i] == '' then
            flags = rows[i + 1]
        elseif string.byte(rows[i + 1], 2) == 99 and rows[i] ~= ARGV[2] then
            targets[#targets + 1] = string.match(rows[i + 1], '\n([^\n]*)')
        end
    end
end
if seen_before(base, flags, ARGV[5], ARGV[6]) then
    return -6
end
local archived
if ARGV[7] ~= '' and archive_wants(base, flags, ARGV[4], ARGV[7]) then
    local partner, partner_resource = string.match(ARGV[4], '^([^/]*)/?(.*)')
    archived = archive_write(base .. 'archive', partner, partner_resource, ARGV[8], string.match(ARGV[7], '^. (%d+) (%d+) (%d+)'))
end
if ARGV[3] ~= '' and #targets > 0 then
    redis.call('PUBLISH', ARGV[1], '{"edge":"0 0 ' .. (archived or '-') .. ' s\\n' .. table.concat(targets, '\\n') .. '",' .. ARGV[8])
end
return 1
