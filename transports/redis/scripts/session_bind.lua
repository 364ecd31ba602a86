-- Writes a session row, unless another session has the resource and is not to be replaced, or there are too many.
-- KEYS[1] sessions   ARGV resource, owner, row, replace ("1") or refuse ("0"), most rows,
--                    generation of the account at login
-- A row is: class, session, LF, node/resource as JSON writes it, LF, priority [, LF, node, LF, session that were replaced].
-- The owner is "session LF node/": what must stand behind the class for a row to be the asker's own.
-- Gives {1} done, {2, node, session} replaced, {-1} refused, {-2} too many, {-3} blocked since the login.
local account = string.sub(KEYS[1], 1, -#'sessions' - 1) .. 'account'
if (redis.call('HGET', account, 'generation') or '0') ~= ARGV[6] then
    return {-3}
end
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row then
    if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then
        return {-2}
    end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
    return {1}
end
if string.sub(row, 2, #ARGV[2] + 1) == ARGV[2] then
    -- Asked again, because the first answer was lost: whoever was replaced is named again.
    local node, session = string.match(row, '^[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n(%d+)$')
    if node then
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. '\n' .. node .. '\n' .. session)
        return {2, node, session}
    end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
    return {1}
end
if ARGV[4] == '0' then
    return {-1}
end
local session, node = string.match(row, '^.(%d+)\n([^/]*)/')
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3] .. '\n' .. node .. '\n' .. session)
return {2, node, session}
