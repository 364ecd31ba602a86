-- Decides for which resources an event is, from their rows, and publishes it with their names: one step, so that nobody
-- comes or goes in between.
-- KEYS[1] sessions   ARGV channel, hops, audience, resource, event without its first brace,
--                        address, bare and domain of the sender; empty: it cannot be blocked
-- audience: r the resource, n all available of non-negative priority, v all available, o the resource, else as n
-- Gives the number of resources; with 0 nothing was published; -1: the account has blocked the sender.
-- Rows hold node/resource as JSON writes it, so no text is escaped here; their class is u not available, m available of
-- negative priority, a available.
local flags = ARGV[6] ~= '' and redis.call('HGET', KEYS[1], '')
if flags and string.find(flags, 'b', 1, true) then
    local blocked = string.gsub(KEYS[1], 'sessions$', 'blocked')
    for i = 6, 8 do
        if redis.call('SISMEMBER', blocked, ARGV[i]) == 1 then
            return -1
        end
    end
end
local audience = ARGV[3]
local edge, count = ARGV[2], 0
if audience == 'r' or audience == 'o' then
    local row = redis.call('HGET', KEYS[1], ARGV[4])
    if row then
        edge, count = edge .. '\\n' .. string.match(row, '\n([^\n]*)'), 1
    elseif audience == 'r' then
        return 0
    end
end
if count == 0 then
    local rows = redis.call('HVALS', KEYS[1])
    for i = 1, #rows do -- the account's flags are among them, and have none of these letters in front
        local class = string.byte(rows[i])
        if class == 97 or (class == 109 and audience == 'v') then
            edge, count = edge .. '\\n' .. string.match(rows[i], '\n([^\n]*)'), count + 1
        end
    end
    if count == 0 then
        return 0
    end
end
redis.call('PUBLISH', ARGV[1], '{"edge":"' .. edge .. '",' .. ARGV[5])
return count
