-- A node takes a resumable stream over (store_sm.h).
-- KEYS[1] sessions   ARGV resource, owner, uid, notes, generation of the account at login
-- Gives {}, or {node and session that had it, letters, priority, flags of the account, rows with carbons,
-- last presence, addresses of directed presence, notes ...}.
-- {} also when the account was blocked, or got another password, since the login (store_login.h).
-- part: copies
local account = string.sub(KEYS[1], 1, -#'sessions' - 1) .. 'account'
if (redis.call('HGET', account, 'generation') or '0') ~= ARGV[5] then
    return {}
end
local row = redis.call('HGET', KEYS[1], ARGV[1])
if not row or redis.call('HEXISTS', ARGV[4], 'o') == 0 then
    return {}
end
local letters, session, node, address, uid, priority =
    string.match(row, '^(....)(%d+)\n([^/]*)/([^\n]*)\n([^\n]*)\n([^\n]*)')
if uid ~= ARGV[3] then
    return {}
end
if session .. '\n' .. node .. '/' == ARGV[2] then
    -- Asked again, because the first answer was lost: whoever had it is named again.
    node, session = string.match(redis.call('HGET', ARGV[4], 'p') or '', '^([^\n]*)\n(.*)$')
else
    redis.call('HSET', KEYS[1], ARGV[1], letters .. ARGV[2] .. address .. '\n' .. uid .. '\n' .. priority)
    redis.call('HSET', ARGV[4], 'o', ARGV[2], 'p', node .. '\n' .. session)
    redis.call('HDEL', ARGV[4], 'd')
end
local flags, carbons = flags_and_carbons(KEYS[1])
local base = string.sub(KEYS[1], 1, -9)
local last = redis.call('HGET', base .. 'presence', ARGV[1]) or ''
if string.sub(last, 1, 1) ~= 'a' then
    last = 'a' -- it is not available
end
return {node or '', session or '0', letters, priority, flags, carbons, string.sub(last, 2),
    redis.call('HGET', base .. 'directed', ARGV[1]) or '', redis.call('HGETALL', ARGV[4])}
