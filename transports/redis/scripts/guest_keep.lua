-- A guest came or went: what is kept of one goes a while after the last session.
-- KEYS[1] sessions   ARGV milliseconds (0: the guest is here), then the names of what may be kept
local base = string.sub(KEYS[1], 1, -#'sessions' - 1)
local is_here = ARGV[1] == '0'
for _, row in ipairs(redis.call('HVALS', KEYS[1])) do
    is_here = is_here or string.find(row, '\n', 1, true) ~= nil
end
for i = 2, #ARGV do
    if is_here then
        redis.call('PERSIST', base .. ARGV[i])
    else
        redis.call('PEXPIRE', base .. ARGV[i], ARGV[1])
    end
end
if not is_here then
    redis.call('PEXPIRE', KEYS[1], ARGV[1]) -- no row is left, but the flag of a log that is not empty; a binding keeps it
end
return 1
