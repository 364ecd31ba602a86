-- Reads a page of an archive (parts/archive_write.lua says what is in it).
-- KEYS[1] archive   ARGV partner, resource, lower, upper, backwards ("1"), entries, bytes, age in milliseconds,
-- how many ids are known, these, and then the ids that are wanted ("-" and none: all)
-- Gives {"unknown"}, or {total, next, id, event, id, event ...}; with 0 bytes the events are empty.
-- A call looks at up to LOOK rows of an index, and takes up to STEP at once.
local LOOK, STEP = 2000, 32
local archive, partner, resource = KEYS[1], ARGV[1], ARGV[2]
local lower, upper, backwards = ARGV[3], ARGV[4], ARGV[5] == '1'
local most, bytes, known = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9])
local index = string.gsub(archive, 'archive$', '') .. 'with:' .. partner
local source = partner == '' and archive or index

local oldest = 0
if ARGV[8] ~= '0' then
    local time = redis.call('TIME')
    oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[8]
    if tonumber(string.match(lower, '%d+') or 0) < oldest then
        lower = string.format('%.0f', oldest)
    end
end

local function entry(key, id)
    return redis.call('XRANGE', key, id, id)[1]
end

for i = 10, 9 + known do
    if tonumber(string.match(ARGV[i], '^%d+')) < oldest or not entry(archive, ARGV[i]) then
        return { 'unknown' }
    end
end

local is_list = ARGV[10 + known] ~= '-'
local result = { not is_list and resource == '' and redis.call('XLEN', source) or -1, '' }
local size, looked, position = 0, 0, ''

-- True: enough.  The position stays in front of what does not fit.
local function take(row)
    local id, event = row[1], ''
    looked = looked + 1
    if resource ~= '' and not string.find('\n' .. row[2][2] .. '\n', '\n' .. resource .. '\n', 1, true) then
        position = id
        return looked >= LOOK
    end
    if bytes > 0 then
        local archived = source == archive and row or entry(archive, id)
        event = archived and archived[2][2]
        if event and size > 0 and size + #event > bytes then
            return true
        end
    end
    position = id
    if event then
        result[#result + 1] = id
        result[#result + 1] = event
        size = size + #event
    end
    return #result >= 2 + 2 * most or looked >= LOOK
end

if is_list then
    local first, last, step = 10 + known, #ARGV, 1
    if backwards then
        first, last, step = last, first, -1
    end
    for i = first, last, step do
        local row = ARGV[i] and entry(source, ARGV[i])
        if row and take(row) then
            result[2] = position
            return result
        end
    end
    return result
end

local step = math.min(STEP, most)
while true do
    local rows = backwards and redis.call('XREVRANGE', source, upper, lower, 'COUNT', step) or
                     redis.call('XRANGE', source, lower, upper, 'COUNT', step)
    for i = 1, #rows do
        if take(rows[i]) then
            result[2] = position
            return result
        end
    end
    if #rows < step then
        return result
    end
    if backwards then
        upper = '(' .. position
    else
        lower = '(' .. position
    end
end
