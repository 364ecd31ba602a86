-- A session has ended, or was lost with its node: its presence is unavailable, once.  Asked again with the same event,
-- because the first answer was lost, it gives the same.
-- KEYS[1] sessions, [2] presence, [3] roster, [4] directed, [5] account
-- ARGV resource, owner ("" when its row was removed), channel, event of unavailable presence without its first brace,
--      the asker's node, or "" when it does not want to wait
-- Gives {1, {contact, subscription ...}: who saw it, {addresses of directed presence, a line each}}, or {0} when there is
-- nobody to tell: another session of this resource is available already.  {2}: there is one on another node that may be
-- about to become available: what both nodes say now could come in any order, so ask again in a moment.
-- part: rows
-- part: items
local row = redis.call('HGET', KEYS[1], ARGV[1])
if row and not (ARGV[2] ~= '' and is_own(row, ARGV[2])) and is_available(row) then
    return { 0 }
end
if row and ARGV[5] ~= '' and string.match(row, '\n([^/\n]*)/') ~= ARGV[5] then
    return { 2 }
end
local directed = { redis.call('HGET', KEYS[4], ARGV[1]) or nil }
local last, gone = redis.call('HGET', KEYS[2], ARGV[1]), 'u{' .. ARGV[4]
if not last or (string.sub(last, 1, 1) ~= 'a' and last ~= gone) then
    return { 1, {}, directed }
end
keep_gone(KEYS[2], KEYS[5], ARGV[1], gone)
publish(KEYS[1], ARGV[3], is_available, ARGV[4])
return { 1, contacts(KEYS[3], 'fb'), directed }
