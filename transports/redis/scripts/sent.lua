-- The sender's side of messages: its own archive, and copies for its other resources (XEP-0280).
-- KEYS[1] sessions   ARGV channel, settings of the archive, then for each: resource that sent it, archive ("a" or ""), copies ("c" or
--   ""), recipient, stream, number in it, event without its first brace
-- Settings as in deliver.lua   Gives for each 1, or -6 when its number was taken before.
-- part: archive_write
-- part: archive_wants
-- part: seen
local sessions, settings = KEYS[1], ARGV[2]
local base = string.sub(sessions, 1, -9)
local rows = redis.call('HGETALL', sessions)
local flags, wishes = '', {}
for i = 1, #rows, 2 do
    if rows[i] == '' then
        flags = rows[i + 1]
    elseif string.byte(rows[i + 1], 2) == 99 then
        wishes[#wishes + 1] = i
    end
end

local function archive(recipient, event)
    if not archive_wants(base, flags, recipient, settings) then
        return nil
    end
    local partner, partner_resource = string.match(recipient, '^([^/]*)/?(.*)')
    return archive_write(base .. 'archive', partner, partner_resource, event, string.match(settings, '^. (%d+) (%d+) (%d+)'))
end

local function copy(resource, archived, event)
    local targets = ''
    for i = 1, #wishes do
        if rows[wishes[i]] ~= resource then
            targets = targets .. '\\n' .. string.match(rows[wishes[i] + 1], '\n([^\n]*)')
        end
    end
    if targets ~= '' then
        redis.call('PUBLISH', ARGV[1], '{"edge":"0 0 ' .. (archived or '-') .. ' s' .. targets .. '",' .. event)
    end
end

local results = {}
for at = 3, #ARGV, 7 do
    local event = ARGV[at + 6]
    if seen_before(base, flags, ARGV[at + 4], ARGV[at + 5]) then
        results[#results + 1] = -6
    else
        seen_take()
        local archived = ARGV[at + 1] ~= '' and archive(ARGV[at + 3], event)
        if ARGV[at + 2] ~= '' then
            copy(ARGV[at], archived, event)
        end
        results[#results + 1] = 1
    end
end
seen_note(base)
return results
