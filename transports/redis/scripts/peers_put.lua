-- Queues events for another server or a component, and hands them to the node that holds the link.
-- KEYS[1] log   ARGV link, most entries, about the bytes of them, "1" when somebody must hold the link, node channels'
--   beginning, nodes' end of name, the asking node, then for each:
--   sender's stream or "", number in it, event
-- Gives for each 16 + its number when the asking node holds the link itself; 1 pushed, 0 it waits and nobody holds the link,
-- -2 nobody holds it, -5 full, -6 taken before.
-- part: refused
local call, sub = redis.call, string.sub
local log = KEYS[1]
local base = sub(log, 1, -4)
local holder = call('GET', base .. 'lease')
local is_own = holder == ARGV[7]
local room = tonumber(ARGV[2]) - call('XLEN', log)
local stream, last, stored = '', 0, 0

local function stream_note()
    if stored > last then
        call('SET', base .. 'seen:' .. stream, stored, 'EX', 3600)
    end
end

-- Numbers of a stream only rise, so that a lower one comes again.
local function seen_before(sender, number)
    if sender ~= stream then
        stream_note()
        stream, stored = sender, 0
        last = tonumber(call('GET', base .. 'seen:' .. stream) or 0)
    end
    return number <= last or number <= stored
end

local function put(sender, number, event)
    if sender ~= '' and seen_before(sender, number) then
        return refused_before(base, sender, number) or -6
    elseif not holder and ARGV[4] == '1' then
        return refused_note(base, sender, number, -2)
    elseif room <= 0 then
        return refused_note(base, sender, number, -5)
    elseif #event > 4096 and (call('MEMORY', 'USAGE', log, 'SAMPLES', '0') or 0) + #event > tonumber(ARGV[3]) then
        return refused_note(base, sender, number, -5) -- small ones are bounded by their number
    end
    room = room - 1
    if sender ~= '' then
        stored = number
    end
    local id = sub(call('XADD', log, '0-*', 'e', sub(event, 2), 't', ''), 3) -- as store_log.c reads it: without its first brace
    if is_own then
        return 16 + tonumber(id)
    elseif not holder then
        return 0
    end
    return call('PUBLISH', ARGV[5] .. holder .. ARGV[6], 'queued\n' .. ARGV[1] .. '\n' .. id .. '\n' .. event) > 0 and 1 or 0
end

local results = {}
for at = 8, #ARGV, 3 do
    results[#results + 1] = put(ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2])
end
stream_note()
return results
