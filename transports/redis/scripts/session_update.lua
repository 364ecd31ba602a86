-- Writes a session's row again, if it still is its own.
-- KEYS[1] sessions   ARGV resource, owner, row, channel   Gives 1, or 0 when the row is another's or gone.
-- When the session's wish for carbons changes, the account's nodes are told how many have it now.
-- part: copies
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or string.sub(row, 5, #ARGV[2] + 4) ~= ARGV[2] then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if string.byte(row, 2) ~= string.byte(ARGV[3], 2) then
    tell_account(ARGV[4], flags_and_carbons(KEYS[1]))
end
return 1
