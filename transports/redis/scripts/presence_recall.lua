-- What a session that was taken over by another node was: its presence, and whom it was shown to by name.
-- KEYS[1] sessions, [2] presence, [3] directed   ARGV resource
-- Gives {has it asked for the roster, last available presence or "", addresses of directed presence, a line each}.
-- part: rows
local row = redis.call('HGET', KEYS[1], ARGV[1])
local last = redis.call('HGET', KEYS[2], ARGV[1]) or ''
local letters = string.match(row or '', '^[%a-]+') or ''
if not is_available(letters) or string.sub(last, 1, 1) ~= 'a' then
    last = ''
end
return { is_interested(letters) and 1 or 0, string.sub(last, 2), redis.call('HGET', KEYS[3], ARGV[1]) or '' }
