-- Now and then: does the old generation of seen go, does the present one grow old?  Gives the flags as they are then.
local function seen_turn(base, sessions, flags, seconds)
    local rest = flags
    if string.find(flags, 'o', 1, true) and redis.call('EXISTS', base .. 'seen:old') == 0 then
        rest = string.gsub(flags, 'o', '')
    elseif redis.call('ZCARD', base .. 'seen') > 500 then
        redis.call('RENAME', base .. 'seen', base .. 'seen:old')
        redis.call('EXPIRE', base .. 'seen:old', seconds)
        rest = string.gsub(flags, 'o', '') .. 'o'
    end
    if rest ~= flags then
        redis.call('HSET', sessions, '', rest)
    end
    return rest
end
