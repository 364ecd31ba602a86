-- The notes of a stream that cannot be resumed any more.  Of those that nobody needs h stays for an hour: a client that comes
-- too late hears it.
local function forget_notes(notes)
    local handled = redis.call('HGET', notes, 'h')
    redis.call('DEL', notes)
    if handled then
        redis.call('HSET', notes, 'h', handled)
        redis.call('EXPIRE', notes, 3600)
    end
end

-- What its client did not acknowledge is somebody's who finds it by its owner in {bare}:ended (session_sweep.lua).
local function leave_notes(base, owner, uid)
    redis.call('HDEL', base .. 'sm:' .. uid, 'o')
    redis.call('EXPIRE', base .. 'sm:' .. uid, 3600)
    redis.call('HSET', base .. 'ended', owner, uid)
    redis.call('EXPIRE', base .. 'ended', 3600)
end
