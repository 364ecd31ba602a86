-- Numbers of streams that were refused: a higher one of the same stream may be taken before it is asked again, because the
-- answer was lost.  redis.wait is some seconds.
local function refused_note(base, stream, number, result)
    local refused = base .. 'seen:refused'
    if stream ~= '' then
        if redis.call('HLEN', refused) >= 1000 then
            redis.call('DEL', refused)
        end
        redis.call('HSET', refused, stream .. ' ' .. number, result)
        redis.call('EXPIRE', refused, 60)
    end
    return result
end

local function refused_before(base, stream, number)
    return tonumber(redis.call('HGET', base .. 'seen:refused', stream .. ' ' .. number))
end
