-- Session rows: letters (the first is the class: u not available, m available with negative priority, a available; an i
-- among the others: has asked for the roster), session, LF, node/resource as JSON writes it, LF, more.
local function is_available(letters)
    return string.find(letters, '^[am]')
end

local function is_interested(letters)
    return string.find(letters, 'i', 2, true)
end

-- owner is "session LF node/".
local function is_own(row, owner)
    local start = string.match(row, '^[%a-]+()')
    return start and string.sub(row, start, start + #owner - 1) == owner
end

-- Publishes to those resources whose letters are wanted; their number.
local function publish(sessions, channel, wanted, event)
    local rows, edge, count = redis.call('HVALS', sessions), '0', 0
    for i = 1, #rows do
        local letters, target = string.match(rows[i], '^([%a-]+)%d*\n([^\n]*)')
        if letters and wanted(letters) then
            edge, count = edge .. '\\n' .. target, count + 1
        end
    end
    if count > 0 then
        redis.call('PUBLISH', channel, '{"edge":"' .. edge .. '",' .. event)
    end
    return count
end

-- Keeps unavailable presence; not a guest's: there is no account that it would go with one day.  Of very many resources that
-- have gone, all those before are forgotten at once.
local function keep_gone(presence, account, resource, value)
    if redis.call('HLEN', presence) >= 100 then
        local all = redis.call('HGETALL', presence)
        for i = 1, #all, 2 do
            if string.byte(all[i + 1]) == 117 then
                redis.call('HDEL', presence, all[i])
            end
        end
    end
    if redis.call('EXISTS', account) == 1 then
        redis.call('HSET', presence, resource, value)
    else
        redis.call('HDEL', presence, resource)
    end
end

-- The last presence of each available resource but one: an a and the event; those of resources that have gone begin with
-- a u, and stay for a while.
local function available(sessions, presence, but)
    local all, found = redis.call('HGETALL', sessions), {}
    for i = 1, #all, 2 do
        if all[i] ~= '' and all[i] ~= but and is_available(all[i + 1]) then
            local last = redis.call('HGET', presence, all[i])
            if last and string.sub(last, 1, 1) == 'a' then
                found[#found + 1] = string.sub(last, 2)
            end
        end
    end
    return found
end
