-- The last number of each stream that something came in for this account: a sorted set, the number is the score.  It lives as
-- long as a session is there, and some time longer.  Of very many streams those of the generation before, seen:old, are
-- remembered for that time only: the account's flag o says that there is one.

-- Takes a number; true when it was taken before.  Numbers of a stream only rise, so that a lower one comes again.
local function seen_before(base, flags, stream, number)
    if redis.call('ZADD', base .. 'seen', 'GT', 'CH', number, stream) == 0 then
        return true
    end
    if string.find(flags, 'o', 1, true) then
        local old = redis.call('ZSCORE', base .. 'seen:old', stream)
        return old and tonumber(old) >= tonumber(number)
    end
    return false
end
