-- The last number of each stream that something came in for this account: a sorted set, the number is the score.  It lives as
-- long as a session is there, and some time longer.  Of very many streams those of the generation before, seen:old, are
-- remembered for that time only: the account's flag o says that there is one.
local seen = { number = 0 }

-- Writes down what was taken; at the end, too.
local function seen_note(base)
    if seen.is_new then
        redis.call('ZADD', base .. 'seen', 'GT', string.format('%.0f', seen.number), seen.stream)
        seen.is_new = false
    end
end

-- Was this number, or a higher one of the stream, taken before?  Numbers of a stream only rise, so that a lower one comes again.
local function seen_before(base, flags, stream, number)
    if stream ~= seen.stream then
        seen_note(base)
        seen.stream = stream
        seen.number = tonumber(redis.call('ZSCORE', base .. 'seen', stream) or 0)
        if seen.number == 0 and string.find(flags, 'o', 1, true) then
            seen.number = tonumber(redis.call('ZSCORE', base .. 'seen:old', stream) or 0)
        end
    end
    seen.asked = tonumber(number)
    return seen.asked <= seen.number
end

-- What was looked at last.
local function seen_take()
    seen.number, seen.is_new = seen.asked, true
end
