-- Removes a session's row, if it still is its own.
-- KEYS[1] sessions   ARGV resource, owner, log, channel
-- Gives 1, or 2 when the log holds messages that may have been for it, or 0 when the row is another's or gone; also 2 when
-- something waits though the row has gone: asked again, because the first answer was lost, it says the same.
-- part: copies
-- part: ended
-- part: notes
-- part: row_end
local base = string.sub(KEYS[1], 1, -9)
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or string.sub(row, 5, #ARGV[2] + 4) ~= ARGV[2] then
    redis.call('HDEL', base .. 'ended', ARGV[2]) -- its node sees to what it did not acknowledge
    return string.find(redis.call('HGET', KEYS[1], '') or '', 'q', 1, true) and 2 or 0
end
if string.byte(row, 3) == 115 then
    forget_notes(base .. 'sm:' .. string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)'))
end
return remove_row(KEYS[1], ARGV[1], row, ARGV[3], ARGV[4])
