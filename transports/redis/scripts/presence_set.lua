-- A session's presence: kept, shown to the account's own available resources, and what else has to be done is told.
-- KEYS[1] sessions, [2] presence, [3] roster, [4] requests, [5] directed, [6] account
-- ARGV resource, owner, row, channel, event without its first brace, a available or u unavailable, the time before which
--      gone resources are forgotten, s set, or r set again: without a word if it is known, or n set again: known to nobody
-- Gives {0} when the row is another's or gone, else {1, was it available before,
--   {contact, subscription ...}: who sees it, and when it was not available before, also whom it sees; and when nobody of the
--   account was, also, within an hour once, who was asked and has not answered (an s behind the subscription),
--   {request ...}, {last presence of an own other resource ...}: when it was not available before,
--   {addresses of directed presence, a line each}: when it is not available now}.
-- part: rows
-- part: items
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or not is_own(row, ARGV[2]) then
    return { 0 }
end
local is, again = ARGV[6] == 'a', ARGV[8] == 'r'
local was = is_available(row)
if ARGV[8] ~= 's' then
    local last = redis.call('HGET', KEYS[2], ARGV[1]) or ''
    was = string.sub(last, 1, 1) == 'a' and (again or not is) or last == 'u{' .. ARGV[5]
end
local directed = {}
if not is then
    directed[1] = redis.call('HGET', KEYS[5], ARGV[1]) or nil
    redis.call('HDEL', KEYS[5], ARGV[1])
    if was then
        publish(KEYS[1], ARGV[4], is_available, ARGV[5]) -- RFC 6121 4.5.2: also to the one that leaves
    end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
if not was and not is then
    return { 1, 0, {}, {}, {}, directed }
end
if again and was then
    return { 1, 1, contacts(KEYS[3], 'tb'), {}, {}, {} }
end
if is then
    redis.call('HSET', KEYS[2], ARGV[1], 'a{' .. ARGV[5])
    publish(KEYS[1], ARGV[4], is_available, ARGV[5])
else
    keep_gone(KEYS[2], KEYS[6], ARGV[1], 'u{' .. ARGV[5])
end
if was then
    return { 1, 1, contacts(KEYS[3], 'fb'), {}, {}, directed }
end
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
    local gone = string.match(all[i + 1], '^u.-"time":"([^"]*)"')
    if gone and gone < ARGV[7] then
        redis.call('HDEL', KEYS[2], all[i])
    end
end
local others = available(KEYS[1], KEYS[2], ARGV[1])
-- Those that were asked are asked again (RFC 6121 3.1.2), but not by each of many short sessions, and not very many at once.
local asks = is and #others == 0 and redis.call('SET', string.sub(KEYS[3], 1, -7) .. 'asked', '1', 'EX', 3600, 'NX')
return { 1, 0, contacts(KEYS[3], 'tfb', asks and 100 or nil), redis.call('HVALS', KEYS[4]), others, directed }
