-- Writes a session row, unless another session has the resource and is not to be replaced, or there are too many.
-- KEYS[1] sessions   ARGV resource, owner, row, replace ("1") or refuse ("0"), most rows, generation of the account at login,
--                    log, channel
-- A row is: four letters (store_sessions.c), session, LF, node/resource as JSON writes it, LF, uid, LF, priority
-- [, LF, node, LF, session that were replaced].  The field "" is no row: it holds the account's flags.
-- The owner is "session LF node/": what must stand behind the letters for a row to be the asker's own.
-- Gives {1} done, {2, node, session} replaced, {-1} refused, {-4} refused because its stream was resumed elsewhere, {-2} too many, {-3} blocked since the login; then the flags, and
-- how many rows have carbons.
-- part: copies
-- part: ended
-- part: notes
local sessions, base = KEYS[1], string.sub(KEYS[1], 1, -9)
local account = base .. 'account'
local generation = redis.call('HGET', account, 'generation')
-- A row is written again and nobody deleted its account, which is not there: Redis has lost its memory, and sessions stay.
local is_lost = ARGV[4] == '0' and redis.call('EXISTS', account, base .. 'deleted') == 0
if not is_lost and (generation or '0') ~= ARGV[6] then
    return {-3, '', '', '', 0}
end
local row = redis.call('HGET', sessions, ARGV[1])
local result, node, session = 1, '', ''
if not row then
    local most = tonumber(ARGV[5])
    if redis.call('HLEN', sessions) - redis.call('HEXISTS', sessions, '') >= most then
        return {-2, '', '', '', 0}
    end
elseif string.sub(row, 5, #ARGV[2] + 4) == ARGV[2] then
    -- Asked again, because the first answer was lost, or the row is written again: whoever was replaced is named again.
    local old_node, old_session = string.match(row, '^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n(%d+)$')
    if old_node then
        result, node, session = 2, old_node, old_session
    end
    if string.byte(row, 3) == 115 then -- its node was taken for dead, but lives
        redis.call('HDEL', base .. 'sm:' .. string.match(row, '^[^\n]*\n[^\n]*\n([^\n]*)'), 'd')
    end
elseif ARGV[4] == '0' then
    local line = '^[^\n]*\n[^\n]*\n([^\n]+)'
    local uid = string.match(row, line)
    local has_moved = uid and uid == string.match(ARGV[3], line)
    return {has_moved and -4 or -1, '', '', '', 0}
else
    local uid
    session, node, uid = string.match(row, '^....(%d+)\n([^/]*)/[^\n]*\n([^\n]*)')
    result = 2
    if string.byte(row, 3) == 115 then
        leave_notes(base, session .. '\n' .. node .. '/', uid) -- it cannot be resumed any more
    end
end
local new = ARGV[3]
if result == 2 then
    new = new .. '\n' .. node .. '\n' .. session
end
if ARGV[4] == '0' then
    redis.call('HDEL', base .. 'ended', ARGV[2]) -- its node was taken for dead, but lives
end
redis.call('HSET', sessions, ARGV[1], new)
redis.call('PERSIST', sessions)
redis.call('PERSIST', ARGV[7])
redis.call('PERSIST', base .. 'seen')
local flags, carbons = flags_and_carbons(sessions)
local may_wait = string.find(flags, 'q', 1, true) -- for this name, too
if (not row and may_wait) or (result == 2 and redis.call('XLEN', ARGV[7]) > 0) then
    flags = flag_ended(sessions, flags)
end
if (row and string.byte(row, 2) or 45) ~= string.byte(new, 2) then
    tell_account(ARGV[8], flags, carbons)
end
return {result, node, session, flags, carbons}
