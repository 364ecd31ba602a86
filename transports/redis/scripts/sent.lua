-- The sender's side of a message: its own archive, and copies for its other resources (XEP-0280).
-- KEYS[1] sessions   ARGV channel, resource that sent it, what is kept, recipient, stream, number in it, seconds that a stream is
--                    remembered, settings of the archive, event without its first brace
-- kept and settings as in deliver.lua   Gives 1, or -6 when this number was taken before.
-- part: archive_write
-- part: archive_wants
local sessions = KEYS[1]
local base = string.sub(sessions, 1, -9)
local seen = base .. 'seen:' .. ARGV[5]
local last = redis.call('SET', seen, ARGV[6], 'EX', ARGV[7], 'GET')
if last and tonumber(last) >= tonumber(ARGV[6]) then
    redis.call('SET', seen, last, 'EX', ARGV[7])
    return -6
end
local rows = redis.call('HGETALL', sessions)
local flags, targets = '', {}
for i = 1, #rows, 2 do
    if rows[i] == '' then
        flags = rows[i + 1]
    elseif string.byte(rows[i + 1], 2) == 99 and rows[i] ~= ARGV[2] then
        targets[#targets + 1] = string.match(rows[i + 1], '\n([^\n]*)')
    end
end
local archived
if string.find(ARGV[3], 'a', 1, true) then
    local partner, partner_resource = string.match(ARGV[4], '^([^/]*)/?(.*)')
    archived = archive_wants(base, flags, ARGV[4], ARGV[8]) and
        archive_write(base .. 'archive', partner, partner_resource, '{' .. ARGV[9], string.match(ARGV[8], '^. (%d+) (%d+) (%d+)'))
end
if #targets > 0 and string.find(ARGV[3], 'c', 1, true) then
    redis.call('PUBLISH', ARGV[1], '{"edge":"0 0 ' .. (archived or '-') .. ' s\\n' .. table.concat(targets, '\\n') .. '",' .. ARGV[9])
end
return 1
