-- What a session that ended held waits from now on, some of it maybe for a resource by its name.  Gives the flags as they are then.
local function flag_ended(sessions, flags)
    local rest = string.gsub(flags, '[qr]', '') .. 'qr'
    if #rest ~= #flags then
        redis.call('HSET', sessions, '', rest)
    end
    return rest
end
