-- A Redis that lost its memory, or the newest of it, counts a log from lower numbers again; who remembers higher ones would take
-- what comes for known.  Entries get higher numbers than this one from now on.
-- KEYS[1] log   ARGV number, one that is above all that others may remember   Gives 1 when the log was not so far, else 0.
local id = '0-' .. ARGV[1]
if type(redis.pcall('XADD', KEYS[1], id, 'e', '')) == 'table' then
    return 0 -- refused: it is at this number, or above
end
redis.call('XDEL', KEYS[1], id)
if tonumber(ARGV[2]) > tonumber(ARGV[1]) then
    id = '0-' .. ARGV[2]
    redis.call('XADD', KEYS[1], id, 'e', '')
    redis.call('XDEL', KEYS[1], id)
end
return 1
