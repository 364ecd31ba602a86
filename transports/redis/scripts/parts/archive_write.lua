-- The archive of an account (XEP-0313): a stream of e (the event, without its first brace) and w (the partner's bare JID);
-- and for each partner a stream with:<partner> of the same ids, with a: the partner's resource in that message; of a message
-- to oneself both resources, from LF to.  Bounds are an age in milliseconds, a number of messages and about the bytes in memory, 0 for
-- none; the oldest go first, from both, so that there are no holes and an index never names what is not there.

-- Every 16th millisecond up to 32 of the oldest are looked at: more go than come, whatever the bounds were before.
local function archive_trim(archive, now, keep_ms, keep_count, keep_bytes)
    local surplus = 0
    if keep_count > 0 then
        surplus = redis.call('XLEN', archive) - keep_count
    end
    if keep_bytes > 0 then
        local bytes = redis.call('MEMORY', 'USAGE', archive, 'SAMPLES', '5')
        if bytes > keep_bytes then
            surplus = math.max(surplus, math.ceil(redis.call('XLEN', archive) * (1 - keep_bytes / bytes)))
        end
    end
    local oldest = keep_ms > 0 and now - keep_ms or 0
    local function is_old(row)
        return tonumber(string.match(row[1], '^%d+')) < oldest
    end
    if surplus <= 0 then
        local row = oldest > 0 and redis.call('XRANGE', archive, '-', '+', 'COUNT', 1)[1]
        if not row or not is_old(row) then
            return
        end
    end
    local rows = redis.call('XRANGE', archive, '-', '+', 'COUNT', 33)
    local partners, first = {}, nil
    for i = 1, #rows do
        if i > 32 or (i > surplus and not is_old(rows[i])) then
            first = rows[i][1] -- of those that stay
            break
        end
        partners[rows[i][2][4]] = true
    end
    if first then
        redis.call('XTRIM', archive, 'MINID', '=', first)
    else
        redis.call('XTRIM', archive, 'MAXLEN', '=', 0)
    end
    for partner in pairs(partners) do
        local index = string.gsub(archive, 'archive$', '') .. 'with:' .. partner
        if first then
            redis.call('XTRIM', index, 'MINID', '=', first)
        end
        if not first or redis.call('XLEN', index) == 0 then
            redis.call('DEL', index)
        end
    end
end

-- Gives the id of what was written.
local function archive_write(archive, partner, resource, event, keep_ms, keep_count, keep_bytes)
    local id = redis.call('XADD', archive, '*', 'e', event, 'w', partner)
    redis.call('XADD', string.sub(archive, 1, -8) .. 'with:' .. partner, id, 'a', resource)
    local now = tonumber(string.match(id, '^%d+'))
    if now % 16 == 0 then
        archive_trim(archive, now, tonumber(keep_ms), tonumber(keep_count), tonumber(keep_bytes))
    end
    return id
end
