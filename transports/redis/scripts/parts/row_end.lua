-- A session's row goes.  Gives 1, or 2 when the log holds messages that may have been for it.
local function remove_row(sessions, resource, row, log, channel)
    redis.call('HDEL', sessions, resource)
    local base = string.sub(sessions, 1, -9)
    if redis.call('HLEN', sessions) == redis.call('HEXISTS', sessions, '') then
        redis.call('EXPIRE', base .. 'seen', 1800)
        if redis.call('EXISTS', base .. 'account') == 0 then -- a guest's, who may come back
            redis.call('EXPIRE', log, 1800)
        end
    end
    local result = 1
    if redis.call('XLEN', log) > 0 then
        flag_ended(sessions, redis.call('HGET', sessions, '') or '')
        result = 2
    end
    if string.byte(row, 2) == 99 then
        tell_account(channel, flags_and_carbons(sessions))
    end
    return result
end
