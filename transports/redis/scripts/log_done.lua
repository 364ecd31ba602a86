-- A session is done with entries of the log that others hold too: each leaves when nobody else holds it any more.
-- KEYS[1] sessions   ARGV uid, numbers   Gives how many left.
local base = string.sub(KEYS[1], 1, -9)
local log, acked = base .. 'log', base .. 'acked'
local alive = {}
local rows = redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
    if rows[i] ~= '' then
        alive[string.match(rows[i + 1], '\n[^\n]*\n([^\n]*)')] = true
    end
end
local left = 0
for i = 2, #ARGV do
    local id = '0-' .. ARGV[i]
    local entry = redis.call('XRANGE', log, id, id)[1]
    if entry then
        local done = (redis.call('HGET', acked, ARGV[i]) or ' ') .. ARGV[1] .. ' '
        local is_held = false
        for holder in string.gmatch(entry[2][4], '%S+') do
            is_held = is_held or (alive[holder] and not string.find(done, ' ' .. holder .. ' ', 1, true))
        end
        if is_held then
            redis.call('HSET', acked, ARGV[i], done)
        else
            left = left + redis.call('XDEL', log, id)
            redis.call('HDEL', acked, ARGV[i])
        end
    end
end
return left
