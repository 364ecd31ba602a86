-- Counts something within a window that begins with the first.
-- KEYS[1] counter   ARGV milliseconds of the window   Gives the count, this one included.
local count = redis.call('INCR', KEYS[1])
if count == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return count
